"""From averaged weights to character error rates of dev and test."""


rule transcribe:
    input:
        unpack(lambda wildcards: spared(inputs.of_transcripts(config, wildcards))),
    output:
        **with_sidecar(**by_subset("results/transcripts/{{task}}/{}/<branch>/text", SUBSETS)),
    log:
        "logs/transcribe/{task}/<branch>.log",
    benchmark:
        "benchmarks/transcribe/{task}/<branch>.tsv"
    conda:
        "../envs/espnet.yaml"
    params:
        root=decides_nothing(root_of("finetuning/{task}")),
    shell:
        "python -m scripts.evaluate.transcribe"
        " --config {input.config:q}"
        " --weights {input.weights:q}"
        " --encoder {input.encoder:q}"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --source {input.source:q}"
        " --subsets dev test"
        " --outputs {output.dev:q} {output.test:q}"
        " 2>&1 | tee {log:q}"


rule score_cer:
    input:
        hypotheses="results/transcripts/{task}/{subset}/<branch>/text",
        utterances=list_of("finetuning/{task}", "utterances.tsv"),
        again=if_stale("score"),
    output:
        "results/cer/{task}/{subset}/<branch>.json",
    log:
        "logs/score_cer/{task}/{subset}/<branch>.log",
    benchmark:
        "benchmarks/score_cer/{task}/{subset}/<branch>.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.evaluate.score_cer"
        " --utterances {input.utterances:q}"
        " --subset {wildcards.subset}"
        " --hypotheses {input.hypotheses:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
