rule prepare_data:
    input:
        lambda wildcards: f"results/corpora/{corpus_of('finetuning', wildcards.task)['name']}/utterances.tsv",
    output:
        directory("results/finetune/{task}/data"),
    log:
        "logs/prepare_data/{task}.log",
    benchmark:
        "benchmarks/prepare_data/{task}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        root=lambda wildcards: corpus_of("finetuning", wildcards.task)["root"],
        code=code_digest("scripts.finetune.prepare_data"),
    shell:
        "python -m scripts.finetune.prepare_data"
        " --utterances {input:q}"
        " --root {params.root:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule prepare_encoder:
    input:
        checkpoint="results/pretrain/{model}/{checkpoint}.pt",
        sidecar="results/pretrain/{model}/{checkpoint}.json",
    output:
        "results/finetune/{task}/from/{model}/{checkpoint}/encoder.pt",
    log:
        "logs/prepare_encoder/{task}/from/{model}/{checkpoint}.log",
    benchmark:
        "benchmarks/prepare_encoder/{task}/from/{model}/{checkpoint}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        mask_prob=lambda wildcards: optional(config["finetuning"][wildcards.task]["mask_prob"]),
        code=code_digest("scripts.finetune.prepare_encoder"),
    shell:
        "python -m scripts.finetune.prepare_encoder"
        " --checkpoint {input.checkpoint:q}"
        " --mask-prob {params.mask_prob}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule finetune:
    input:
        recipe=lambda wildcards: recipe_of("finetuning", wildcards.task),
        data="results/finetune/{task}/data",
        encoder="results/finetune/{task}/from/{model}/{checkpoint}/encoder.pt",
    output:
        directory("results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs"),
    log:
        "logs/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.log",
    benchmark:
        "benchmarks/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.tsv"
    conda:
        "../envs/espnet.yaml"
    resources:
        slurm_extra=lambda wildcards: waiting("finetune", wildcards),
    params:
        code=code_digest("scripts.finetune.finetune"),
    # SLURM's SIGTERM goes to every process: the step shall hear it and save, not bash and tee end.
    shell:
        "trap '' TERM;"
        " python -m scripts.finetune.finetune"
        " --recipe {input.recipe:q}"
        " --data {input.data:q}"
        " --encoder {input.encoder:q}"
        " --learning-rate {wildcards.lr}"
        " --seed {wildcards.seed}"
        " --cpu-processes {threads}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule average_weights:
    input:
        "results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs",
    output:
        "results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/average-of-last-{last}.pth",
    log:
        "logs/average_weights/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}-last-{last}.log",
    benchmark:
        "benchmarks/average_weights/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}-last-{last}.tsv"
    conda:
        "../envs/espnet.yaml"
    params:
        code=code_digest("scripts.finetune.average_weights"),
    shell:
        "python -m scripts.finetune.average_weights"
        " --epochs {input:q}"
        " --last {wildcards.last}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
