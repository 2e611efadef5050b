"""From error rates to the table, its curve, and what vouches for both."""


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


rule write_report:
    input:
        config="results/config.yaml",
        scores="results/cer.tsv",
        table="results/cer.md",
        curve="results/cer-by-updates.svg",
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
        " --provenance {input.provenance:q}"
        " --output {output:q}"
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
