import json


rule trace:
    input:
        scores=scores(),
        settled=inputs.all_settled(config),
        again=lambda wildcards: again(record.is_outdated(Path("results/provenance.json"), config)),
    output:
        report("results/provenance.json", caption="../report/provenance.rst", category="Results"),
    log:
        "logs/trace/provenance.log",
    benchmark:
        "benchmarks/trace/provenance.tsv"
    conda:
        "../envs/results.yaml"
    params:
        config=lambda wildcards, input: json.dumps(experiment(), ensure_ascii=False),  # with input: not what decides
        code=code_of("trace"),
    shell:
        "python -m scripts.results.trace" " --config {params.config:q}" " --output {output:q}" " 2>&1 | tee {log:q}"


rule tabulate:
    input:
        scores=scores(),
        provenance="results/provenance.json",
        best=[f"results/pretrain/{model}/best.json" for model in models_with_best()],
        published=ancient(f"{REPOSITORY}/config/published.tsv"),
    output:
        tsv="results/cer.tsv",
        markdown=report("results/cer.md", caption="../report/cer.rst", category="Results"),
    log:
        "logs/tabulate/cer.log",
    benchmark:
        "benchmarks/tabulate/cer.tsv"
    conda:
        "../envs/results.yaml"
    params:
        best=[f"{model}=results/pretrain/{model}/best.json" for model in models_with_best()],
        labels=labels(),
        scores=scores(),
        published=content_of(f"{REPOSITORY}/config/published.tsv"),
        code=code_of("tabulate"),
    shell:
        "python -m scripts.results.tabulate"
        " --scores {input.scores:q}"
        " --best {params.best:q}"
        " --label {params.labels:q}"
        " --published {input.published:q}"
        " --provenance {input.provenance:q}"
        " --tsv {output.tsv:q}"
        " --markdown {output.markdown:q}"
        " 2>&1 | tee {log:q}"


rule plot:
    input:
        "results/cer.tsv",
    output:
        report("results/cer-by-updates.svg", caption="../report/cer-by-updates.rst", category="Results"),
    log:
        "logs/plot/cer-by-updates.log",
    benchmark:
        "benchmarks/plot/cer-by-updates.tsv"
    conda:
        "../envs/results.yaml"
    params:
        code=code_of("plot"),
    shell:
        "python -m scripts.results.plot" " --table {input:q}" " --output {output:q}" " 2>&1 | tee {log:q}"


rule write_config:
    input:
        again=lambda wildcards: again(record.is_other_config(Path("results/config.yaml"), experiment())),
    output:
        report("results/config.yaml", caption="../report/config.rst", category="Results"),
    log:
        "logs/write_config/config.log",
    benchmark:
        "benchmarks/write_config/config.tsv"
    conda:
        "../envs/results.yaml"
    params:
        config=lambda wildcards: json.dumps(experiment(), ensure_ascii=False),
        code=code_of("write_config"),
    shell:
        "python -m scripts.results.write_config"
        " --config {params.config:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"
