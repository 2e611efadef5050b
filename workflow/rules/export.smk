"""From weights to what others' programs read: results/export/{export}, one folder an entry of `exports`."""


wildcard_constraints:
    export=r"[a-z0-9.-]+",


rule hand_over_recogniser:
    input:
        table="results/cer.tsv",
        provenance="results/provenance.json",
        utterances=of_its_corpus(lambda corpus: ancient(Part.of("utterances", corpus=corpus).file)),
        source=of_its_corpus(lambda corpus: ancient(parts.source_of(corpus, config).file)),
    output:
        temp(directory("results/handed-over/recogniser/{export}")),
    log:
        "logs/hand_over_recogniser/{export}.log",
    benchmark:
        "benchmarks/hand_over_recogniser/{export}.tsv"
    conda:
        "../envs/espnet.yaml"
    params:
        entry=of_export(dict),
        average_last=of_export(lambda entry: config["finetuning"][entry["finetuning"]]["average_last"]),
        root=decides_nothing(of_its_corpus(lambda corpus: config["corpora"][corpus]["root"])),
    shell:
        "python -m scripts.export.hand_over_recogniser"
        " --table {input.table:q}"
        " --provenance {input.provenance:q}"
        " --finetuning {params.entry[finetuning]}"
        " --start {params.entry[from]}"
        " --average-last {params.average_last}"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --source {input.source:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule export_recogniser:
    input:
        "results/handed-over/recogniser/{export}",
    output:
        directory("results/export/{export}"),
    log:
        "logs/export_recogniser/{export}.log",
    benchmark:
        "benchmarks/export_recogniser/{export}.tsv"
    wildcard_constraints:
        export=exported_as("recogniser"),
    conda:
        "../envs/export.yaml"
    shell:
        "python -m scripts.export.export_recogniser"
        " --handed-over {input:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule hand_over_encoder:
    input:
        checkpoint=of_export(lambda entry: checkpoint_of(*entry["from"].split("/"))),
        settled=of_export(lambda entry: waited_for(inputs.audio_settled(config, entry["from"].split("/")[0]))),
    output:
        temp(directory("results/handed-over/encoder/{export}")),
    log:
        "logs/hand_over_encoder/{export}.log",
    benchmark:
        "benchmarks/hand_over_encoder/{export}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        entry=of_export(dict),
    shell:
        "python -m scripts.export.hand_over_encoder"
        " --checkpoint {input.checkpoint:q}"
        " --what {params.entry[what]}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule export_encoder:
    input:
        "results/handed-over/encoder/{export}",
    output:
        directory("results/export/{export}"),
    log:
        "logs/export_encoder/{export}.log",
    benchmark:
        "benchmarks/export_encoder/{export}.tsv"
    wildcard_constraints:
        export=exported_as("pretraining", "encoder"),
    conda:
        "../envs/export.yaml"
    params:
        entry=of_export(dict),
    shell:
        "python -m scripts.export.export_encoder"
        " --handed-over {input:q}"
        " --what {params.entry[what]}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
