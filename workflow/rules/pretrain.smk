"""From audio to checkpoints: a chain of milestones, the best of them, and others that were given."""


rule initialise:
    input:
        recipe=ancient(recipe_of("pretraining/{model}")),
        start=lambda wildcards: ancient(files_above("initialisation")(wildcards)),
        again=if_stale("initialisation"),
    output:
        **with_sidecar(checkpoint="results/pretrain/{model}/after-0-updates.pt"),
    log:
        "logs/initialise/{model}.log",
    benchmark:
        "benchmarks/initialise/{model}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        seed=lookup("pretraining/{model}/seed", within=config),
    shell:
        "python -m scripts.pretrain.initialise --recipe {input.recipe:q}"
        " --seed {params.seed}"
        " --start-from {input.start:q}"
        " --output {output.checkpoint:q} 2>&1 | tee {log:q}"


rule pretrain:
    input:
        unpack(inputs_of_milestone),
    output:
        **with_sidecar(checkpoint="results/pretrain/{model}/after-{updates}-updates.pt"),
        **with_sidecar(best="results/pretrain/{model}/best-until-{updates}-updates.pt"),
    log:
        "logs/pretrain/{model}/after-{updates}-updates.log",
    benchmark:
        "benchmarks/pretrain/{model}/after-{updates}-updates.tsv"
    priority: 1  # everything waits for it
    conda:
        "../envs/fairseq.yaml"
    resources:
        slurm_extra=lambda wildcards: waiting("pretrain", wildcards),
        faster="",  # a profile's choice, as it depends on the machine: scripts/pretrain/faster/switches.py
    params:
        run=decides_nothing(lookup("pretraining/{model}", within=config)),
        recipe=decides_nothing(recipe_of("pretraining/{model}")),
    shell:
        "step_alone_hears_sigterm; python -m scripts.pretrain.pretrain"
        " --recipe {params.recipe:q}"
        " --train-manifest {input.train:q}"
        " --valid-manifest {input.valid:q}"
        " --updates {wildcards.updates}"
        " --effective-gpus {params.run[effective_gpus]}"
        " --precision {params.run[precision]}"
        " --cpu-processes {threads}"
        " --seed {params.run[seed]}"
        " --faster {resources.faster}"
        " --guard {params.run[guard]}"
        " --resume-from {input.before:q}"
        " --best-before {input.best_before:q}"
        " --output {output.checkpoint:q}"
        " --best {output.best:q}"
        " 2>&1 | tee {log:q}"


rule keep_curve:
    input:
        unpack(inputs_of_curve),
        recipe=ancient(recipe_of("pretraining/{model}")),
    output:
        table=update("results/pretrain/{model}/curve.tsv"),
        note=update("results/pretrain/{model}/curve.json"),
    log:
        "logs/keep_curve/{model}.log",
    benchmark:
        "benchmarks/keep_curve/{model}.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.pretrain.keep_curve"
        " --recipe {input.recipe:q}"
        " --milestones {input.trained:q}"
        " --output {output.table:q}"
        " 2>&1 | tee {log:q}"


checkpoint choose_best:
    input:
        candidates=files_above("best"),
        again=if_stale("best"),
    output:
        **with_sidecar(checkpoint="results/pretrain/{model}/best.pt"),
    log:
        "logs/choose_best/{model}.log",
    benchmark:
        "benchmarks/choose_best/{model}.tsv"
    conda:
        "../envs/fairseq.yaml"
    shell:
        "python -m scripts.pretrain.choose_best"
        " --candidates {input.candidates:q}"
        " --output {output.checkpoint:q}"
        " 2>&1 | tee {log:q}"


rule provide_checkpoint:
    input:
        again=if_stale("given"),
    output:
        **with_sidecar(checkpoint="results/pretrain/{model}/given.pt"),
    log:
        "logs/provide_checkpoint/{model}.log",
    benchmark:
        "benchmarks/provide_checkpoint/{model}.tsv"
    retries: 0  # a download of 1 GB that ends in a question to the user
    conda:
        "../envs/fairseq.yaml"
    params:
        options=decides_nothing(options("checkpoints/{model}", "path", "url", "sha256")),
    shell:
        "python -m scripts.pretrain.provide_checkpoint"
        " {params.options:q}"
        " --key checkpoints.{wildcards.model}"
        " --output {output.checkpoint:q}"
        " 2>&1 | tee {log:q}"
