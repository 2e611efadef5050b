"""From corpora as distributed to the audio that fairseq reads: listed, without leakage, split, packed."""


checkpoint list_utterances:
    input:
        lists=corpus_lists,
        again=if_stale("utterances"),
    output:
        **with_lasting_sidecar(utterances="results/corpora/{corpus}/utterances.tsv"),
        rejected=in_report("results/corpora/{corpus}/rejected.tsv", "Corpora"),
        heldout="results/corpora/{corpus}/heldout.tsv",
    log:
        "logs/list_utterances/{corpus}.log",
    benchmark:
        "benchmarks/list_utterances/{corpus}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        format=lookup("corpora/{corpus}/format", within=config),
        root=decides_nothing(lookup("corpora/{corpus}/root", within=config)),
        options=options("corpora/{corpus}", "convert", "exclude", *SPELLING),
    shell:
        "python -m scripts.corpora.list_utterances"
        " --format {params.format:q}"
        " --root {params.root:q}"
        " {params.options:q}"
        " --threads {threads}"
        " --utterances {output.utterances:q}"
        " --rejected {output.rejected:q}"
        " --heldout {output.heldout:q}"
        " 2>&1 | tee {log:q}"


checkpoint convert_audio:
    input:
        utterances="results/corpora/{corpus}/utterances.tsv",
        again=if_stale("converted"),
    output:
        **with_lasting_sidecar(audio=directory("results/corpora/{corpus}/audio")),
    log:
        "logs/convert_audio/{corpus}.log",
    benchmark:
        "benchmarks/convert_audio/{corpus}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        format=lookup("corpora/{corpus}/format", within=config),
        root=decides_nothing(lookup("corpora/{corpus}/root", within=config)),
    shell:
        "python -m scripts.corpora.convert_audio"
        " --format {params.format:q}"
        " --root {params.root:q}"
        " --utterances {input.utterances:q}"
        " --threads {threads}"
        " --output {output.audio:q}"
        " 2>&1 | tee {log:q}"


rule drop_leakage:
    input:
        utterances="results/corpora/{corpus}/utterances.tsv",
        heldout=heldout_lists,
        again=if_stale("kept"),
    output:
        **with_sidecar(kept="results/corpora/{corpus}/without-leakage.tsv"),
        leaked=in_report("results/corpora/{corpus}/leaked.tsv", "Corpora"),
        near=in_report("results/corpora/{corpus}/near-leaks.tsv", "Corpora"),
    log:
        "logs/drop_leakage/{corpus}.log",
    benchmark:
        "benchmarks/drop_leakage/{corpus}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        near_leaks=lookup("corpora/{corpus}/near_leaks", within=config),
    shell:
        "python -m scripts.corpora.drop_leakage"
        " --utterances {input.utterances:q}"
        " --heldout {input.heldout:q}"
        " --near-leaks {params.near_leaks}"
        " --output {output.kept:q}"
        " --leaked {output.leaked:q}"
        " --near {output.near:q}"
        " 2>&1 | tee {log:q}"


checkpoint split_validation:
    input:
        utterances=list_of("pretraining/{model}", "without-leakage.tsv"),
        again=if_stale("split", subset="train"),
    output:
        **with_sidecar(**by_subset("results/pretrain/{{model}}/utterances/{}.tsv", HEARD)),
    log:
        "logs/split_validation/{model}.log",
    benchmark:
        "benchmarks/split_validation/{model}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        fraction=lookup("pretraining/{model}/validation_fraction", within=config),
    shell:
        "python -m scripts.corpora.split_validation"
        " --utterances {input.utterances:q}"
        " --fraction {params.fraction}"
        " --outputs {output.train:q} {output.valid:q}"
        " 2>&1 | tee {log:q}"


rule concatenate:
    input:
        utterances=inputs_of_archive,
        source=source_of("pretraining/{model}"),
        again=if_stale("archive"),
    output:
        **with_sidecar(manifest="results/pretrain/{model}/audio/{subset}-{shard}.tsv"),
        audio="results/pretrain/{model}/audio/{subset}-{shard}.zip",
    log:
        "logs/concatenate/{model}/{subset}-{shard}.log",
    benchmark:
        "benchmarks/concatenate/{model}/{subset}-{shard}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        root=decides_nothing(root_of("pretraining/{model}")),
        utterances_per_file=lookup("pretraining/{model}/utterances_per_file", within=config),
        shards=lambda wildcards: len(shards_of(config["pretraining"][wildcards.model], wildcards.subset)),
    shell:
        "python -m scripts.corpora.concatenate"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --source {input.source:q}"
        " --utterances-per-file {params.utterances_per_file}"
        " --shard {wildcards.shard}"
        " --shards {params.shards}"
        " --audio {output.audio:q}"
        " --manifest {output.manifest:q}"
        " 2>&1 | tee {log:q}"


checkpoint write_manifest:
    input:
        parts=files_above("manifest"),
        again=if_stale("manifest"),
    output:
        **with_lasting_sidecar(manifest="results/pretrain/{model}/manifest/{subset}.tsv"),
    log:
        "logs/write_manifest/{model}/{subset}.log",
    benchmark:
        "benchmarks/write_manifest/{model}/{subset}.tsv"
    conda:
        "../envs/corpora.yaml"
    shell:
        "python -m scripts.corpora.write_manifest"
        " --parts {input.parts:q}"
        " --output {output.manifest:q}"
        " 2>&1 | tee {log:q}"


for name in ("list_utterances", "convert_audio", "drop_leakage", "split_validation", "concatenate", "write_manifest"):
    getattr(rules, name).rule.priority = 1  # pre-training waits for them
