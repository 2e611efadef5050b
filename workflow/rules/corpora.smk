checkpoint list_utterances:
    input:
        lists=lambda wildcards: corpus_lists(wildcards.corpus),
        again=if_stale("utterances"),
    output:
        utterances="results/corpora/{corpus}/utterances.tsv",
        sidecar=update("results/corpora/{corpus}/utterances.json"),  # stays until it is replaced: see reruns.smk
        rejected=report(
            "results/corpora/{corpus}/rejected.tsv",
            caption="../report/rejected.rst",
            category="Corpora",
        ),
        heldout="results/corpora/{corpus}/heldout.tsv",
    log:
        "logs/list_utterances/{corpus}.log",
    benchmark:
        "benchmarks/list_utterances/{corpus}.tsv"
    priority: 1  # pre-training waits for it
    conda:
        "../envs/corpora.yaml"
    params:
        format=lambda wildcards: config["corpora"][wildcards.corpus]["format"],
        root=lambda wildcards, input: config["corpora"][wildcards.corpus]["root"],  # with input: not what decides
        code=code_of("list_utterances"),
    shell:
        "python -m scripts.corpora.list_utterances"
        " --format {params.format:q}"
        " --root {params.root:q}"
        " --threads {threads}"
        " --utterances {output.utterances:q}"
        " --rejected {output.rejected:q}"
        " --heldout {output.heldout:q}"
        " 2>&1 | tee {log:q}"


rule drop_leakage:
    input:
        utterances="results/corpora/{corpus}/utterances.tsv",
        heldout=lambda wildcards: [
            f"results/corpora/{other}/heldout.tsv"
            for other in config["corpora"][wildcards.corpus]["without_transcripts_of"]
        ],
        again=if_stale("kept"),
    output:
        kept="results/corpora/{corpus}/without-leakage.tsv",
        sidecar="results/corpora/{corpus}/without-leakage.json",
        leaked=report(
            "results/corpora/{corpus}/leaked.tsv",
            caption="../report/leaked.rst",
            category="Corpora",
        ),
    log:
        "logs/drop_leakage/{corpus}.log",
    benchmark:
        "benchmarks/drop_leakage/{corpus}.tsv"
    priority: 1  # pre-training waits for it
    conda:
        "../envs/corpora.yaml"
    params:
        code=code_of("drop_leakage"),
    shell:
        "python -m scripts.corpora.drop_leakage"
        " --utterances {input.utterances:q}"
        " --heldout {input.heldout:q}"
        " --output {output.kept:q}"
        " --leaked {output.leaked:q}"
        " 2>&1 | tee {log:q}"


checkpoint split_validation:
    input:
        utterances=lambda wildcards: f"results/corpora/{corpus_of('pretraining', wildcards.model)['name']}/without-leakage.tsv",
        again=if_stale("split", subset="train"),
    output:
        train="results/pretrain/{model}/utterances/train.tsv",
        valid="results/pretrain/{model}/utterances/valid.tsv",
        train_sidecar="results/pretrain/{model}/utterances/train.json",
        valid_sidecar="results/pretrain/{model}/utterances/valid.json",
    log:
        "logs/split_validation/{model}.log",
    benchmark:
        "benchmarks/split_validation/{model}.tsv"
    priority: 1  # pre-training waits for it
    conda:
        "../envs/corpora.yaml"
    params:
        fraction=lambda wildcards: config["pretraining"][wildcards.model]["validation_fraction"],
        code=code_of("split_validation"),
    shell:
        "python -m scripts.corpora.split_validation"
        " --utterances {input.utterances:q}"
        " --fraction {params.fraction}"
        " --train {output.train:q}"
        " --valid {output.valid:q}"
        " 2>&1 | tee {log:q}"


rule concatenate:
    input:
        utterances=inputs_of_archive,
        again=if_stale("archive"),
    output:
        audio="results/pretrain/{model}/audio/{subset}-{shard}.zip",
        manifest="results/pretrain/{model}/audio/{subset}-{shard}.tsv",
        sidecar="results/pretrain/{model}/audio/{subset}-{shard}.json",
    log:
        "logs/concatenate/{model}/{subset}-{shard}.log",
    benchmark:
        "benchmarks/concatenate/{model}/{subset}-{shard}.tsv"
    priority: 1  # pre-training waits for it
    conda:
        "../envs/corpora.yaml"
    params:
        root=lambda wildcards, input: corpus_of("pretraining", wildcards.model)["root"],  # with input: not what decides
        utterances_per_file=lambda wildcards: config["pretraining"][wildcards.model]["utterances_per_file"],
        shards=lambda wildcards: len(shards(wildcards.model, wildcards.subset)),
        code=code_of("concatenate"),
    shell:
        "python -m scripts.corpora.concatenate"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --utterances-per-file {params.utterances_per_file}"
        " --shard {wildcards.shard}"
        " --shards {params.shards}"
        " --audio {output.audio:q}"
        " --manifest {output.manifest:q}"
        " 2>&1 | tee {log:q}"


checkpoint write_manifest:
    input:
        parts=lambda wildcards: [
            f"results/pretrain/{wildcards.model}/audio/{wildcards.subset}-{shard}.tsv"
            for shard in shards(wildcards.model, wildcards.subset)
        ],
        again=if_stale("manifest"),
    output:
        manifest="results/pretrain/{model}/manifest/{subset}.tsv",
        sidecar=update("results/pretrain/{model}/manifest/{subset}.json"),
    log:
        "logs/write_manifest/{model}/{subset}.log",
    benchmark:
        "benchmarks/write_manifest/{model}/{subset}.tsv"
    priority: 1  # pre-training waits for it
    conda:
        "../envs/corpora.yaml"
    params:
        audio="results/pretrain/{model}/audio",
        code=code_of("write_manifest"),
    shell:
        "python -m scripts.corpora.write_manifest"
        " --parts {input.parts:q}"
        " --audio {params.audio:q}"
        " --output {output.manifest:q}"
        " 2>&1 | tee {log:q}"
