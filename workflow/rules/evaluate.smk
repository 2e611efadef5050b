"""From averaged weights to error rates of dev and test sets, and to what was misheard.

A rule has as many outputs for each task. So where a task has other test sets than test, a job is of one subset.
"""


rule transcribe:
    input:
        unpack(lambda wildcards: spared(inputs.of_transcripts(config, wildcards))),
    output:
        **with_sidecar(**by_subset("results/transcripts/{{task}}/{}/<branch>/text", SUBSETS)),
    log:
        "logs/transcribe/{task}/<branch>.log",
    benchmark:
        "benchmarks/transcribe/{task}/<branch>.tsv"
    wildcard_constraints:
        task=tasks_with(is_usual=True),
    conda:
        "../envs/espnet.yaml"
    params:
        root=decides_nothing(root_of("finetuning/{task}")),
        subsets=decides_nothing(subsets_in),
        texts=texts_in,
    shell:
        "python -m scripts.evaluate.transcribe"
        " --config {input.config:q}"
        " --weights {input.weights:q}"
        " --encoder {input.encoder:q}"
        " --utterances {input.utterances:q}"
        " --root {params.root:q}"
        " --source {input.source:q}"
        " --subsets {params.subsets:q}"
        " --outputs {params.texts:q}"
        " 2>&1 | tee {log:q}"


use rule transcribe as transcribe_subset with:
    output:
        **with_sidecar(text="results/transcripts/{task}/{subset}/<branch>/text"),
    log:
        "logs/transcribe_subset/{task}/{subset}/<branch>.log",
    benchmark:
        "benchmarks/transcribe_subset/{task}/{subset}/<branch>.tsv"
    wildcard_constraints:
        task=tasks_with(is_usual=False),


rule score_cer:
    input:
        hypotheses="results/transcripts/{task}/{subset}/<branch>/text",
        utterances=list_of("finetuning/{task}", "utterances.tsv"),
        again=if_stale("score"),
    output:
        "results/cer/{task}/{subset}/<branch>.json",
    log:
        "logs/score_cer/{task}/{subset}/<branch>.log",
    benchmark:
        "benchmarks/score_cer/{task}/{subset}/<branch>.tsv"
    conda:
        "../envs/results.yaml"
    params:
        options=options("finetuning/{task}", "metric"),
    shell:
        "python -m scripts.evaluate.score_cer"
        " --utterances {input.utterances:q}"
        " --subset {wildcards.subset}"
        " --hypotheses {input.hypotheses:q}"
        " {params.options:q}"
        " --output {output:q}"
        " 2>&1 | tee {log:q}"


rule list_errors:
    input:
        unpack(lambda wildcards: inputs.of_errors(config, wildcards)),
        settled=lambda wildcards: waited_for(inputs.training_settled(config, wildcards)),
    output:
        utterances=scored("results/errors/{{task}}/<branch>/{}.tsv"),
        rates="results/errors/{task}/<branch>/rates.tsv",
        confusions="results/errors/{task}/<branch>/confusions.tsv",
    log:
        "logs/list_errors/{task}/<branch>.log",
    benchmark:
        "benchmarks/list_errors/{task}/<branch>.tsv"
    wildcard_constraints:
        task=tasks_with(is_usual=True),
    conda:
        "../envs/results.yaml"
    params:
        options=options("finetuning/{task}", "metric"),
    shell:
        "python -m scripts.evaluate.list_errors"
        " --utterances {input.utterances:q}"
        " --data {input.data:q}"
        " --hypotheses {input.hypotheses:q}"
        " --outputs {output.utterances:q}"
        " --rates {output.rates:q}"
        " --confusions {output.confusions:q}"
        " {params.options:q}"
        " 2>&1 | tee {log:q}"


use rule list_errors as list_errors_of_subset with:
    output:
        utterances="results/errors/{task}/<branch>/{subset}.tsv",
        rates="results/errors/{task}/<branch>/{subset}/rates.tsv",
        confusions="results/errors/{task}/<branch>/{subset}/confusions.tsv",
    log:
        "logs/list_errors_of_subset/{task}/{subset}/<branch>.log",
    benchmark:
        "benchmarks/list_errors_of_subset/{task}/{subset}/<branch>.tsv"
    wildcard_constraints:
        task=tasks_with(is_usual=False),
