"""fairseq plugin (common.user_dir): what fairseq imports before it trains."""

from scripts.pretrain import fairseq_numerics, fairseq_upkeep
from scripts.pretrain.faster import install, switches

fairseq_numerics.install()
fairseq_upkeep.install()
install.install(switches.handed_over())
