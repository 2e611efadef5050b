rule transcribe:
    input:
        weights=average_of,
        epochs="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs",
        utterances=lambda wildcards: f"results/corpora/{corpus_of('finetuning', wildcards.task)['name']}/utterances.tsv",
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
        root=lambda wildcards: corpus_of("finetuning", wildcards.task)["root"],
        corpus=lambda wildcards: corpus_of("finetuning", wildcards.task)["name"],
        average=average_of,
        code=code_of("transcribe"),
    shell:
        "python -m scripts.evaluate.transcribe"
        " --config {input.epochs:q}/config.yaml"
        " --weights {input.weights:q}"
        " --encoder {input.epochs:q}/encoder.pt"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --subsets dev test"
        " --outputs {output.dev:q} {output.test:q}"
        " 2>&1 | tee {log:q}"


rule score_cer:
    input:
        hypotheses="results/transcripts/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/text",
        utterances=lambda wildcards: f"results/corpora/{corpus_of('finetuning', wildcards.task)['name']}/utterances.tsv",
    output:
        "results/cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.json",
    log:
        "logs/score_cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.log",
    benchmark:
        "benchmarks/score_cer/{task}/{subset}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.tsv"
    conda:
        "../envs/results.yaml"
    params:
        corpus=lambda wildcards: corpus_of("finetuning", wildcards.task)["name"],
        code=code_of("score_cer"),
    shell:
        "python -m scripts.evaluate.score_cer"
        " --utterances {input.utterances:q}"
        " --subset {wildcards.subset}"
        " --hypotheses {input.hypotheses:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
