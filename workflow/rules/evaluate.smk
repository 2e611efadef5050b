"""From averaged weights to character error rates of dev and test, and to what was misheard."""


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


rule list_errors:
    input:
        hypotheses=scored("results/transcripts/{{task}}/{}/<branch>/text"),
        utterances=list_of("finetuning/{task}", "utterances.tsv"),
        data="results/finetune/{task}/data",
        scores=scored("results/cer/{{task}}/{}/<branch>.json"),  # which know whether a transcript was exchanged
        settled=lambda wildcards: waited_for(inputs.training_settled(config, wildcards)),
    output:
        utterances=scored("results/errors/{{task}}/<branch>/{}.tsv"),
        rates="results/errors/{task}/<branch>/rates.tsv",
        confusions="results/errors/{task}/<branch>/confusions.tsv",
    log:
        "logs/list_errors/{task}/<branch>.log",
    benchmark:
        "benchmarks/list_errors/{task}/<branch>.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.evaluate.list_errors"
        " --utterances {input.utterances:q}"
        " --data {input.data:q}"
        " --subsets dev test"
        " --hypotheses {input.hypotheses:q}"
        " --outputs {output.utterances:q}"
        " --rates {output.rates:q}"
        " --confusions {output.confusions:q}"
        " 2>&1 | tee {log:q}"
