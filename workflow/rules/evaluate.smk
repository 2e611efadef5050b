rule transcribe:
    input:
        unpack(lambda wildcards: spared(inputs.of_transcripts(config, wildcards))),
    output:
        dev="results/transcripts/{task}/dev/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text",
        test="results/transcripts/{task}/test/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text",
        dev_sidecar="results/transcripts/{task}/dev/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text.json",
        test_sidecar="results/transcripts/{task}/test/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text.json",
    log:
        "logs/transcribe/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.log",
    benchmark:
        "benchmarks/transcribe/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.tsv"
    conda:
        "../envs/espnet.yaml"
    params:
        root=lambda wildcards, input: corpus_of("finetuning", wildcards.task)["root"],  # with input: not what decides
    shell:
        "python -m scripts.evaluate.transcribe"
        " --config {input.config:q}"
        " --weights {input.weights:q}"
        " --encoder {input.encoder:q}"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --subsets dev test"
        " --outputs {output.dev:q} {output.test:q}"
        " 2>&1 | tee {log:q}"


rule score_cer:
    input:
        hypotheses="results/transcripts/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text",
        utterances=lambda wildcards: f"results/corpora/{corpus_of('finetuning', wildcards.task)['name']}/utterances.tsv",
        settled=lambda wildcards: waited_for(inputs.training_settled(config, wildcards)),
        again=if_stale("score"),
    output:
        "results/cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.json",
    log:
        "logs/score_cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.log",
    benchmark:
        "benchmarks/score_cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.tsv"
    conda:
        "../envs/results.yaml"
    params:
        code=code_of("score_cer"),
    shell:
        "python -m scripts.evaluate.score_cer"
        " --utterances {input.utterances:q}"
        " --subset {wildcards.subset}"
        " --hypotheses {input.hypotheses:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
