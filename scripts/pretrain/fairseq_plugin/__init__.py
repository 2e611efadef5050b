"""fairseq plugin (common.user_dir): what fairseq imports before it trains."""

from scripts.pretrain import fairseq_numerics, fairseq_upkeep

fairseq_numerics.install()
fairseq_upkeep.install()
