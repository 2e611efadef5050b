rule initialise:
    input:
        recipe=lambda wildcards: ancient(recipe_of("pretraining", wildcards.model)),
        again=if_stale("initialisation"),
    output:
        checkpoint="results/pretrain/{model}/after-0-updates.pt",
        sidecar="results/pretrain/{model}/after-0-updates.json",
    log:
        "logs/initialise/{model}.log",
    benchmark:
        "benchmarks/initialise/{model}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        seed=lambda wildcards: config["pretraining"][wildcards.model]["seed"],
        code=code_of("initialise"),
    shell:
        "python -m scripts.pretrain.initialise"
        " --recipe {input.recipe:q}"
        " --seed {params.seed}"
        " --output {output.checkpoint:q}"
        " 2>&1 | tee {log:q}"


rule pretrain:
    input:
        unpack(inputs_of_milestone),
    output:
        checkpoint="results/pretrain/{model}/after-{updates}-updates.pt",
        sidecar="results/pretrain/{model}/after-{updates}-updates.json",
        best="results/pretrain/{model}/best-until-{updates}-updates.pt",
        best_sidecar="results/pretrain/{model}/best-until-{updates}-updates.json",
    log:
        "logs/pretrain/{model}/after-{updates}-updates.log",
    benchmark:
        "benchmarks/pretrain/{model}/after-{updates}-updates.tsv"
    priority: 1  # everything waits for it
    conda:
        "../envs/fairseq.yaml"
    resources:
        slurm_extra=lambda wildcards: waiting("pretrain", wildcards),
    params:
        run=lambda wildcards, input: config["pretraining"][wildcards.model],  # with input: the sidecar decides
        recipe=lambda wildcards, input: recipe_of("pretraining", wildcards.model),
    # SLURM's SIGTERM goes to every process: the step shall hear it and save, not bash and tee end.
    shell:
        "trap '' TERM;"
        " python -m scripts.pretrain.pretrain"
        " --recipe {params.recipe:q}"
        " --train-manifest {input.train:q}"
        " --valid-manifest {input.valid:q}"
        " --updates {wildcards.updates}"
        " --effective-gpus {params.run[effective_gpus]}"
        " --precision {params.run[precision]}"
        " --cpu-processes {threads}"
        " --seed {params.run[seed]}"
        " --resume-from {input.before:q}"
        " --best-before {input.best_before:q}"
        " --output {output.checkpoint:q}"
        " --best {output.best:q}"
        " 2>&1 | tee {log:q}"


rule choose_best:
    input:
        candidates=lambda wildcards: [
            f"results/pretrain/{wildcards.model}/best-until-{n}-updates.pt" for n in chain_of(wildcards.model)
        ],
        settled=lambda wildcards: waited_for(inputs.audio_settled(config, wildcards.model)),
        again=if_stale("best"),
    output:
        checkpoint="results/pretrain/{model}/best.pt",
        sidecar="results/pretrain/{model}/best.json",
    log:
        "logs/choose_best/{model}.log",
    benchmark:
        "benchmarks/choose_best/{model}.tsv"
    conda:
        "../envs/fairseq.yaml"
    params:
        code=code_of("choose_best"),
    shell:
        "python -m scripts.pretrain.choose_best"
        " --candidates {input.candidates:q}"
        " --output {output.checkpoint:q}"
        " 2>&1 | tee {log:q}"


rule provide_checkpoint:
    input:
        again=if_stale("given"),
    output:
        checkpoint="results/pretrain/{model}/given.pt",
        sidecar="results/pretrain/{model}/given.json",
    log:
        "logs/provide_checkpoint/{model}.log",
    benchmark:
        "benchmarks/provide_checkpoint/{model}.tsv"
    retries: 0  # a download of 1 GB that ends in a question to the user
    conda:
        "../envs/fairseq.yaml"
    params:
        path=lambda wildcards, input: optional(config["checkpoints"][wildcards.model]["path"]),
        url=lambda wildcards, input: optional(config["checkpoints"][wildcards.model]["url"]),
        sha256=lambda wildcards, input: optional(config["checkpoints"][wildcards.model]["sha256"]),
        code=code_of("provide_checkpoint"),
    shell:
        "python -m scripts.pretrain.provide_checkpoint"
        " --path {params.path:q}"
        " --url {params.url:q}"
        " --sha256 {params.sha256:q}"
        " --key checkpoints.{wildcards.model}"
        " --output {output.checkpoint:q}"
        " 2>&1 | tee {log:q}"
