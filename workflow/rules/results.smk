"""From error rates to the table, its curve, and what vouches for both; and what was misheard, by milestones."""


rule trace:
    input:
        scores=scores(),
        settled=inputs.all_settled(config),
        again=lambda wildcards: again(record.is_outdated(Path("results/provenance.json"), config)),
    output:
        in_report("results/provenance.json", "Results"),
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
        scores=scores(),
        provenance="results/provenance.json",
        best=[f"results/pretrain/{model}/best.json" for model in models_with_best()],
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
        best=[f"{model}=results/pretrain/{model}/best.json" for model in models_with_best()],
        labels=labels(),
        published=decides_nothing(lambda wildcards: [f"{task}={path}" for task, path in published().items()]),
    shell:
        "python -m scripts.results.tabulate"
        " --scores {input.scores:q}"
        " --best {params.best:q}"
        " --label {params.labels:q}"
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


rule tabulate_errors:
    input:
        errors=errors_of_branches("rates.tsv", "confusions.tsv"),
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
        in_report("results/errors/kinds.svg", "Errors"),
        in_report("results/errors/groups.svg", "Errors"),
        in_report("results/errors/confused.svg", "Errors"),
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
