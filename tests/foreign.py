"""Files that other programs write, as small as they can be and still be whole."""

from typing import Any


def lm_eval_document() -> dict[str, Any]:
    """What lm-eval 0.4.9 writes for three tasks, made up."""
    return {
        "results": {
            "arc_easy": {
                "alias": "arc_easy",
                "acc,none": 0.5547138047138047,
                "acc_stderr,none": 0.010198171137873857,
                "acc_norm,none": 0.49,
                "acc_norm_stderr,none": "N/A",
            },
            "wikitext": {
                "alias": "wikitext",
                "word_perplexity,none": 27.5,
                "word_perplexity_stderr,none": "N/A",
                "byte_perplexity,none": 1.9,
                "bits_per_byte,none": 0.9,
            },
            "lambada_openai": {"perplexity,none": 12.0, "acc,none": 0.5, "acc_stderr,none": 0.007},
            "ifeval": {
                "prompt_level_strict_acc,none": 0.25,
                "prompt_level_strict_acc_stderr,none": 0.02,
                "inst_level_strict_acc,none": 0.3,
            },
        },
        "group_subtasks": {"arc_easy": []},
        "configs": {"arc_easy": {"task": "arc_easy", "num_fewshot": 0, "metric_list": []}},
        "versions": {"arc_easy": 1.0, "wikitext": 2.0},
        "n-shot": {"arc_easy": 0, "wikitext": 0},
        "n-samples": {
            "arc_easy": {"original": 2376, "effective": 2376},
            "lambada_openai": {"original": 5153, "effective": 100},
        },
        "config": {
            "model": "hf",
            "model_args": "pretrained=example/small-1b,dtype=float16",
            "model_dtype": "torch.float16",
            "batch_size": 8,
            "device": "cuda:0",
            "limit": None,
            "random_seed": 0,
        },
        "git_hash": "abc1234",
        "date": 1718000000.5,
        "transformers_version": "4.51.3",
        "lm_eval_version": "0.4.9",
        "chat_template": None,
        "model_name": "example/small-1b",
    }


def log_document() -> dict[str, Any]:
    """A log of the authors' code as they write it, made up: VAR at 2:4 on one task and on text."""
    return {
        "config": {
            "env": {"SEED": 42, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"},
            "paths": {"data_dir": "data/", "log_dir": "logs/"},
            "model": {"path": "/somewhere/models/Llama-2-7b-hf", "seqlen": 2048},
            "benchmarks": {
                "ppl_wikitext2": {"run_ppl": True, "batch_size": 64},
                "harness": {
                    "run_lm_eval": True,
                    "tasks": ["arc_easy"],
                    "num_fewshot": 0,
                    "batch_size": 512,
                    "apply_chat_template": False,
                },
            },
            "pruning": {
                "sparsity_type": "semi-structured_act_magnitude",
                "sparsity_ratio": 0.5,
                "prune_n": 2,
                "prune_m": 4,
                "transformation_type": "variance",
                "additional_transformation": None,
                "module": "layers",
                "target_modules": [
                    f"{name}_proj" for name in ("q", "k", "v", "o", "gate", "up", "down")
                ],
            },
            "finetuning": {"type": "global", "seed": 11, "dataset_name": "Salesforce/wikitext"},
        },
        "lm_eval": {
            "arc_easy": {"alias": "arc_easy", "acc,none": 0.6679, "acc_stderr,none": 0.0097}
        },
        "wikitext ppl": 8.125,
        "wikitext time": 12.5,
    }


def shared_record() -> dict[str, Any]:
    """A record of Every Eval Ever 0.2 that another program writes, made up."""
    return {
        "schema_version": "0.2.2",
        "evaluation_id": "arc_easy/example_small-1b/1780000000",
        "evaluation_timestamp": "1780000000",
        "retrieved_timestamp": "1780000001",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "example",
            "evaluator_relationship": "third_party",
        },
        "eval_library": {"name": "lm_eval", "version": "0.4.12"},
        "model_info": {"name": "Small 1B", "id": "example/small-1b"},
        "evaluation_results": [
            {
                "evaluation_name": "arc_easy",
                "source_data": {"dataset_name": "arc", "source_type": "hf_dataset"},
                "metric_config": {
                    "metric_id": "accuracy",
                    "metric_unit": "percent",
                    "lower_is_better": False,
                },
                "score_details": {
                    "score": 55.5,
                    "uncertainty": {"standard_error": {"value": 1.5}, "num_samples": 2376},
                },
            },
            {
                "evaluation_name": "chat",
                "source_data": {"dataset_name": "chat", "source_type": "other"},
                "metric_config": {"metric_id": "lmarena.elo", "lower_is_better": False},
                "score_details": {"score": 1200},
            },
        ],
    }
