checkpoint prepare_data:
    input:
        utterances=lambda wildcards: f"results/corpora/{corpus_of('finetuning', wildcards.task)['name']}/utterances.tsv",
        again=if_stale("data"),
    output:
        data=directory("results/finetune/{task}/data"),
        sidecar=update("results/finetune/{task}/data.json"),
    log:
        "logs/prepare_data/{task}.log",
    benchmark:
        "benchmarks/prepare_data/{task}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        root=lambda wildcards: corpus_of("finetuning", wildcards.task)["root"],
        code=code_of("prepare_data"),
    shell:
        "python -m scripts.finetune.prepare_data"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --output {output.data:q}"
        " 2>&1 | tee {log:q}"


checkpoint prepare_encoder:
    input:
        checkpoint="results/pretrain/{model}/{checkpoint}.pt",
        settled=lambda wildcards: waited_for(inputs.audio_settled(config, wildcards.model)),
        again=if_stale("encoder"),
    output:
        encoder="results/finetune/{task}/from/{model}/{checkpoint}/encoder.pt",
        sidecar=update("results/finetune/{task}/from/{model}/{checkpoint}/encoder.json"),
    log:
        "logs/prepare_encoder/{task}/from/{model}/{checkpoint}.log",
    benchmark:
        "benchmarks/prepare_encoder/{task}/from/{model}/{checkpoint}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        mask_prob=lambda wildcards: optional(config["finetuning"][wildcards.task]["mask_prob"]),
        code=code_of("prepare_encoder"),
    shell:
        "python -m scripts.finetune.prepare_encoder"
        " --checkpoint {input.checkpoint:q}"
        " --mask-prob {params.mask_prob}"
        " --output {output.encoder:q}"
        " 2>&1 | tee {log:q}"


rule finetune:
    input:
        unpack(lambda wildcards: spared(inputs.of_branch(config, wildcards))),
    output:
        epochs=directory("results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs"),
        sidecar="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs.json",
    log:
        "logs/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.log",
    benchmark:
        "benchmarks/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}.tsv"
    conda:
        "../envs/espnet.yaml"
    resources:
        slurm_extra=lambda wildcards: waiting("finetune", wildcards),
    params:
        recipe=lambda wildcards, input: recipe_of("finetuning", wildcards.task),  # with input: not what decides
    # SLURM's SIGTERM goes to every process: the step shall hear it and save, not bash and tee end.
    shell:
        "trap '' TERM;"
        " python -m scripts.finetune.finetune"
        " --recipe {params.recipe:q}"
        " --data {input.data:q}"
        " --encoder {input.encoder:q}"
        " --learning-rate {wildcards.lr}"
        " --seed {wildcards.seed}"
        " --cpu-processes {threads}"
        " --output {output.epochs:q}"
        " 2>&1 | tee {log:q}"


rule average_weights:
    input:
        epochs="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/epochs",
        settled=lambda wildcards: waited_for(inputs.training_settled(config, wildcards)),
        again=if_stale("average"),
    output:
        weights="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/average-of-last-{last}.pth",
        sidecar="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/average-of-last-{last}.json",
        config="results/finetune/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}/average-of-last-{last}.yaml",
    log:
        "logs/average_weights/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}-last-{last}.log",
    benchmark:
        "benchmarks/average_weights/{task}/from/{model}/{checkpoint}/lr-{lr}/seed-{seed}-last-{last}.tsv"
    conda:
        "../envs/espnet.yaml"
    params:
        code=code_of("average_weights"),
    shell:
        "python -m scripts.finetune.average_weights"
        " --epochs {input.epochs:q}"
        " --last {wildcards.last}"
        " --output {output.weights:q}"
        " 2>&1 | tee {log:q}"
