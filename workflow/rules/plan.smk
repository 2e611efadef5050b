import json


rule trace:
    input:
        scores_to_trace,
    output:
        report("results/provenance.json", caption="../report/provenance.rst", category="Results"),
    log:
        "logs/trace/provenance.log",
    benchmark:
        "benchmarks/trace/provenance.tsv"
    conda:
        "../envs/results.yaml"
    params:
        scores=scores(),
        config=lambda wildcards, input: json.dumps(experiment(), ensure_ascii=False),  # with input: not what decides
        code=code_of("trace"),
    shell:
        "python -m scripts.plan.trace --config {params.config:q} --output {output:q} 2>&1 | tee {log:q}"
