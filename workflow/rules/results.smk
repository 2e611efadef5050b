"""From error rates to the table, its curve, and what vouches for both; and what was misheard, by milestones."""


rule trace:
    input:
        unpack(inputs_of_table),
        again=lambda wildcards: again(record.is_outdated(Path("results/provenance.json"), config)),
    output:
        update(in_report("results/provenance.json", "Results")),  # it vouches for what was deleted
    log:
        "logs/trace/provenance.log",
    benchmark:
        "benchmarks/trace/provenance.tsv"
    conda:
        "../envs/results.yaml"
    params:
        config=decides_nothing(experiment_in_json),
    shell:
        "python -m scripts.results.trace" " --config {params.config:q}" " --output {output:q}" " 2>&1 | tee {log:q}"


rule tabulate:
    input:
        unpack(inputs_of_table),
        provenance="results/provenance.json",
        published=ancient(list(published().values())),
    output:
        tsv="results/cer.tsv",
        markdown=in_report("results/cer.md", "Results"),
    log:
        "logs/tabulate/cer.log",
    benchmark:
        "benchmarks/tabulate/cer.tsv"
    conda:
        "../envs/results.yaml"
    params:
        labels=labels(),
        # Read as they lie, like the transcripts: the scores vouch for both, and either may have been deleted.
        utterances=decides_nothing(lambda wildcards: references()),
        published=decides_nothing(lambda wildcards: [f"{task}={path}" for task, path in published().items()]),
    shell:
        "python -m scripts.results.tabulate"
        " --scores {input.scores:q}"
        " --best {input.best_scores:q}"
        " --label {params.labels:q}"
        " --utterances {params.utterances:q}"
        " --published {params.published:q}"
        " --provenance {input.provenance:q}"
        " --tsv {output.tsv:q}"
        " --markdown {output.markdown:q}"
        " 2>&1 | tee {log:q}"


rule plot:
    input:
        "results/cer.tsv",
    output:
        in_report("results/cer-by-updates.svg", "Results"),
    log:
        "logs/plot/cer-by-updates.log",
    benchmark:
        "benchmarks/plot/cer-by-updates.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.plot" " --table {input:q}" " --output {output:q}" " 2>&1 | tee {log:q}"


rule plot_finetunings:
    input:
        scores="results/cer.tsv",
        branches=branch_curves(),
    output:
        in_report("results/finetuning.svg", "Trainings"),
    log:
        "logs/plot_finetunings/finetuning.log",
    benchmark:
        "benchmarks/plot_finetunings/finetuning.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.plot_finetunings"
        " --scores {input.scores:q}"
        " --branches {input.branches:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule write_report:
    input:
        config="results/config.yaml",
        scores="results/cer.tsv",
        table="results/cer.md",
        curve="results/cer-by-updates.svg",
        trainings="results/trainings.md",
        rates="results/errors/rates.tsv",
        figures=["results/pretraining.svg", "results/finetuning.svg", *pictures_of_errors()],
        provenance="results/provenance.json",
    output:
        "results/report.html",
    log:
        "logs/write_report/report.log",
    benchmark:
        "benchmarks/write_report/report.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.write_report"
        " --config {input.config:q}"
        " --scores {input.scores:q}"
        " --table {input.table:q}"
        " --curve {input.curve:q}"
        " --trainings {input.trainings:q}"
        " --rates {input.rates:q}"
        " --figures {input.figures:q}"
        " --provenance {input.provenance:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule tabulate_errors:
    input:
        unpack(inputs_of_errors),
        scores="results/cer.tsv",
    output:
        rates=in_report("results/errors/rates.tsv", "Errors"),
        confusions=in_report("results/errors/confusions.tsv", "Errors"),
    log:
        "logs/tabulate_errors/errors.log",
    benchmark:
        "benchmarks/tabulate_errors/errors.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.tabulate_errors"
        " --scores {input.scores:q}"
        " --errors {input.errors:q}"
        " --rates {output.rates:q}"
        " --confusions {output.confusions:q}"
        " 2>&1 | tee {log:q}"


rule plot_errors:
    input:
        rates="results/errors/rates.tsv",
        confusions="results/errors/confusions.tsv",
    output:
        [in_report(path, "Errors") for path in pictures_of_errors()],
    log:
        "logs/plot_errors/errors.log",
    benchmark:
        "benchmarks/plot_errors/errors.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.plot_errors"
        " --rates {input.rates:q}"
        " --confusions {input.confusions:q}"
        " --pictures {output:q}"
        " 2>&1 | tee {log:q}"


rule describe_trainings:
    input:
        unpack(inputs_of_description),
        published=ancient(PUBLISHED_CURVE),
    output:
        branches=[update(path) for path in branch_curves()],
        text=in_report("results/trainings.md", "Trainings"),
        picture=in_report("results/pretraining.svg", "Trainings"),
        note="results/trainings.json",
    log:
        "logs/describe_trainings/trainings.log",
    benchmark:
        "benchmarks/describe_trainings/trainings.tsv"
    conda:
        "../envs/results.yaml"
    shell:
        "python -m scripts.results.describe_trainings"
        " --runs {input.runs:q}"
        " --trained {input.trained:q}"
        " --branches {output.branches:q}"
        " --published {input.published:q}"
        " --text {output.text:q}"
        " --picture {output.picture:q}"
        " 2>&1 | tee {log:q}"


rule write_config:
    input:
        again=lambda wildcards: again(record.is_other_config(Path("results/config.yaml"), experiment())),
    output:
        in_report("results/config.yaml", "Results"),
    log:
        "logs/write_config/config.log",
    benchmark:
        "benchmarks/write_config/config.tsv"
    conda:
        "../envs/results.yaml"
    params:
        config=experiment_in_json,
    shell:
        "python -m scripts.results.write_config"
        " --config {params.config:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
