"""From a checkpoint to averaged weights: one branch for each learning rate and seed."""


checkpoint prepare_data:
    input:
        utterances=list_of("finetuning/{task}", "utterances.tsv"),
        source=source_of("finetuning/{task}"),
        again=if_stale("data"),
    output:
        **with_lasting_sidecar(data=directory("results/finetune/{task}/data")),
        unusable=in_report("results/finetune/{task}/unusable.tsv", "Corpora"),
    log:
        "logs/prepare_data/{task}.log",
    benchmark:
        "benchmarks/prepare_data/{task}.tsv"
    conda:
        "../envs/corpora.yaml"
    params:
        root=root_of("finetuning/{task}"),
        options=options("finetuning/{task}", "train_hours", "word_boundary", *FRAMES),
        tests=decides_nothing(tests_of),
    shell:
        "python -m scripts.finetune.prepare_data"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --source {input.source:q}"
        " {params.options:q}"
        " --tests {params.tests:q}"
        " --output {output.data:q}"
        " --unusable {output.unusable:q}"
        " 2>&1 | tee {log:q}"


checkpoint prepare_encoder:
    input:
        checkpoint=files_above("encoder"),
        again=if_stale("encoder"),
    output:
        **with_lasting_sidecar(encoder="results/finetune/{task}/<start>/encoder.pt"),
    log:
        "logs/prepare_encoder/{task}/<start>.log",
    benchmark:
        "benchmarks/prepare_encoder/{task}/<start>.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        options=options("finetuning/{task}", "mask_prob", *FRAMES),
    shell:
        "python -m scripts.finetune.prepare_encoder"
        " --checkpoint {input.checkpoint:q}"
        " {params.options:q}"
        " --output {output.encoder:q}"
        " 2>&1 | tee {log:q}"


rule finetune:
    input:
        unpack(lambda wildcards: spared(inputs.of_branch(config, wildcards))),
    output:
        **with_sidecar(epochs=directory("results/finetune/{task}/<branch>/epochs")),
    log:
        "logs/finetune/{task}/<branch>.log",
    benchmark:
        "benchmarks/finetune/{task}/<branch>.tsv"
    conda:
        "../envs/espnet.yaml"
    resources:
        slurm_extra=lambda wildcards: waiting("finetune", wildcards),
    params:
        recipe=decides_nothing(recipe_of("finetuning/{task}")),
    shell:
        "step_alone_hears_sigterm; python -m scripts.finetune.finetune"
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
        epochs="results/finetune/{task}/<branch>/epochs",
        again=if_stale("average"),
    output:
        **with_sidecar(weights="results/finetune/{task}/<branch>/average-of-last-{last}.pth"),
        config="results/finetune/{task}/<branch>/average-of-last-{last}.yaml",
    log:
        "logs/average_weights/{task}/<branch>-last-{last}.log",
    benchmark:
        "benchmarks/average_weights/{task}/<branch>-last-{last}.tsv"
    conda:
        "../envs/espnet.yaml"
    shell:
        "python -m scripts.finetune.average_weights"
        " --epochs {input.epochs:q}"
        " --last {wildcards.last}"
        " --output {output.weights:q}"
        " 2>&1 | tee {log:q}"
