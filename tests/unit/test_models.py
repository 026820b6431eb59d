"""Where models come from: the three doors, what is refused, and what identifies a model."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import errors as hub_errors

from nmviz.base.errors import UserError
from nmviz.methods.scopes import PROJECTIONS
from nmviz.sources import hub, models
from nmviz.sources.opening import FETCHING, opening

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "max_position_embeddings": 512,
}


@pytest.fixture(autouse=True)
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NMVIZ_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NMVIZ_MODELS", raising=False)
    models._snapshot.cache_clear()
    monkeypatch.setattr(hub, "_answers", {})


def make_folder(folder: Path, *names: str, config: dict | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(name.encode())
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_every_pinned_model_is_described_without_being_there() -> None:
    for model in models.MODELS.values():
        info = models.describe(model.info.id)
        assert info.pinned and info.blocks and info.context and info.licence and info.note
        assert tuple(info.d_in) == info.projections
        assert models.identify(info.id) == model.gguf.sha256
        assert models.read_config(info.id) == {}


def test_the_default_model_is_what_its_config_says() -> None:
    info = models.describe("smollm2-135m")
    assert (info.blocks, info.context, info.chat) == (30, 8192, True)
    assert info.d_in["down"] == 1536 and info.d_in["o"] == 576


@pytest.mark.parametrize(
    ("config", "blocks", "context", "widths"),
    [
        (LLAMA, 3, 512, {"q": 64, "o": 64, "gate": 64, "down": 128}),
        ({**LLAMA, "head_dim": 32}, 3, 512, {"q": 64, "o": 128}),
        ({"model_type": "gpt2", "n_layer": 12, "n_positions": 1024}, 12, 1024, {}),
        ({"model_type": "gemma3", "text_config": LLAMA}, 3, 512, {"down": 128}),
        ({"model_type": "llama"}, 0, 0, {}),
    ],
)
def test_a_folder_is_described_from_its_config(
    tmp_path: Path, config: dict, blocks: int, context: int, widths: dict[str, int]
) -> None:
    folder = make_folder(tmp_path / "mine", "model.safetensors", config=config)
    info = models.describe(str(folder))
    assert (info.id, info.title, info.blocks, info.context) == (
        str(folder),
        "mine",
        blocks,
        context,
    )
    assert {name: info.d_in.get(name) for name in widths} == widths
    assert bool(info.projections) is bool(widths)
    assert not info.chat
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert models.describe(str(folder)).chat


def test_a_folder_s_identity_covers_names_and_contents(tmp_path: Path) -> None:
    names = ("model.safetensors", "tokenizer.json")
    first = make_folder(tmp_path / "a", *names, config=LLAMA)
    second = make_folder(tmp_path / "b", *names, "README.md", "pytorch_model.bin", config=LLAMA)
    assert models.locate(str(first)).folder == first
    assert models.identify(str(first)) == models.identify(str(second))
    (second / "tokenizer.json").write_bytes(b"another")
    assert models.identify(str(first)) != models.identify(str(second))
    (second / "tokenizer.json").rename(second / "vocab.json")
    (first / "tokenizer.json").write_bytes(b"another")
    assert models.identify(str(first)) != models.identify(str(second))


def test_a_gguf_file_and_its_folder_are_one_model(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "g", "model.gguf")
    files = models.locate(str(folder / "model.gguf"))
    assert files == models.locate(str(folder))
    assert (files.folder, files.gguf) == (folder, "model.gguf")
    with pytest.raises(UserError, match="not a readable GGUF file"):
        models.describe(str(folder))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a.gguf", "b.gguf"), r"holds 2 GGUF files: choose one .*a\.gguf, b\.gguf"),
        (("pytorch_model.bin",), "pickles, which can run code"),
        (("weights.pt",), "pickles"),
        (("weights.pth",), "pickles"),
        (("model.safetensors",), r"no config\.json"),
        (("README.md",), "no safetensors or GGUF"),
        (("adapter_config.json", "adapter_model.safetensors"), "merge it into its model first"),
        (("adapter_config.json", "config.json", "model.safetensors"), "holds an adapter"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    folder = make_folder(tmp_path / "f", *names)
    for door in (models.describe, models.locate, models.identify, models.read_config):
        with pytest.raises(UserError, match=words):
            door(str(folder))


@pytest.mark.parametrize(
    ("model_id", "words"),
    [
        ("smollm2-135", "did you mean smollm2-135m"),
        ("/nowhere/at-all", "no folder or GGUF file"),
        ("./nowhere", "no folder or GGUF file"),
        ("nowhere.gguf", "no folder or GGUF file"),
        ("a/b/c", "is not a model"),
        ("owner/na me", "is not a model"),
        ("owner/name@", "is not a model"),
        ("x/" + "y" * 5000, "not a path"),
        ("a\0b/c", "not a path|is not a model"),
    ],
)
def test_names_that_are_no_model(model_id: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        models.describe(model_id)
    assert "\n" not in str(refusal.value)


def test_a_text_file_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match="is not a GGUF file"):
        models.locate(str(tmp_path / "notes.txt"))


def test_a_config_that_is_not_json_is_named(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "f", "model.safetensors", "config.json")
    with pytest.raises(UserError, match=r"config\.json is not readable JSON"):
        models.describe(str(folder))


def test_the_operator_offers_more_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path / "mine", "model.safetensors", config=LLAMA)
    gone = str(tmp_path / "gone")
    monkeypatch.setenv("NMVIZ_MODELS", f" {folder}, smollm2-135m,{gone},, {folder}")
    offered = models.offered()
    assert [info.id for info in offered] == [*models.MODELS, str(folder), gone]
    assert [info.title for info in offered[-2:]] == ["mine", "gone"]
    assert "no folder" in offered[-1].note, "one that cannot be had says why and stays listed"


class FakeHub:
    """A hub that holds one repository, and writes down what is asked of it."""

    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.names = names
        self.asked: list[str] = []
        self.wanted: list[str] = []
        self.failure: Exception | None = None

    def model_info(
        self, repository: str, revision: str | None, files_metadata: bool, timeout: float
    ) -> object:
        self.asked.append(f"{repository}@{revision}")
        if self.failure:
            raise self.failure
        files = [SimpleNamespace(rfilename=name, size=10) for name in self.names]
        return SimpleNamespace(sha="c0ffee", siblings=files)

    def snapshot(
        self,
        repository: str,
        revision: str | None = None,
        allow_patterns: list[str] | None = None,
        local_files_only: bool = False,
    ) -> str:
        if local_files_only and not self.folder.exists():
            raise hub_errors.LocalEntryNotFoundError("not here")
        if not local_files_only:
            self.wanted = sorted(allow_patterns or [])
            make_folder(self.folder, *(name for name in self.wanted if name != "config.json"))
            (self.folder / "config.json").write_text(json.dumps(LLAMA))
        return str(self.folder)

    def file(
        self,
        repository: str,
        name: str,
        revision: str | None = None,
        local_files_only: bool = False,
    ) -> str:
        if local_files_only and not (self.folder / name).is_file():
            raise hub_errors.LocalEntryNotFoundError("not here")
        make_folder(self.folder, config=LLAMA)
        return str(self.folder / name)


@pytest.fixture
def fake_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    fake = FakeHub(
        tmp_path / "snapshot",
        "config.json",
        "tokenizer.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        hub.INDEX,
        "consolidated.safetensors",
        "pytorch_model.bin",
        "modeling_evil.py",
        "model.gguf",
        "onnx/model.safetensors",
    )
    monkeypatch.setattr(hub, "HfApi", lambda: fake)
    monkeypatch.setattr(hub, "snapshot_download", fake.snapshot)
    monkeypatch.setattr(hub, "hf_hub_download", fake.file)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return fake


def test_only_weights_config_and_tokenizer_are_fetched(fake_hub: FakeHub) -> None:
    files = models.locate("owner/name@v1")
    assert files.gguf is None
    assert fake_hub.asked == ["owner/name@v1"]
    assert fake_hub.wanted == [
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer.json",
    ]
    assert models.identify("owner/name@v1") == files.sha256
    assert len(fake_hub.asked) == 1, "the hub is asked once in a process"


def test_gguf_is_fetched_where_there_is_nothing_else(fake_hub: FakeHub) -> None:
    fake_hub.names = ("README.md", "model.gguf")
    assert models.locate("owner/name").gguf == "model.gguf"


def test_a_hub_model_is_described_from_its_config_alone(fake_hub: FakeHub) -> None:
    info = models.describe("owner/name")
    assert (info.title, info.blocks, info.projections) == ("owner/name", 3, PROJECTIONS)
    assert fake_hub.wanted == [], "no weights are fetched for it"
    assert not info.chat


def test_a_chat_template_beside_the_tokenizer_of_a_hub_model_is_seen(fake_hub: FakeHub) -> None:
    fake_hub.names = (*fake_hub.names, "chat_template.jinja")
    fake_hub.folder.mkdir()
    (fake_hub.folder / "chat_template.jinja").write_text("{{ messages }}")
    assert models.describe("owner/name").chat


def test_pickles_on_the_hub_are_refused_before_anything_is_fetched(fake_hub: FakeHub) -> None:
    fake_hub.names = ("config.json", "pytorch_model.bin")
    with pytest.raises(UserError, match="owner/name has its weights only as pickles"):
        models.locate("owner/name")
    assert not fake_hub.folder.exists()


def test_an_adapter_on_the_hub_is_refused_before_anything_is_fetched(fake_hub: FakeHub) -> None:
    fake_hub.names = ("config.json", "adapter_config.json", "adapter_model.safetensors")
    with pytest.raises(UserError, match="owner/name holds an adapter"):
        models.locate("owner/name")
    assert not fake_hub.folder.exists()


def test_too_little_room_for_a_hub_model(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmviz.base.cache.shutil.disk_usage", lambda _: SimpleNamespace(free=3))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    with pytest.raises(UserError, match=r"owner/name needs 1 MB.* set HF_HOME to a folder"):
        models.locate("owner/name")
    monkeypatch.setenv("HF_HUB_CACHE", "elsewhere")
    with pytest.raises(UserError, match=r"owner/name needs 1 MB.* set HF_HUB_CACHE to a folder"):
        models.locate("owner/name")
    assert not fake_hub.folder.exists()


def test_a_folder_of_the_hub_s_that_cannot_be_made(
    fake_hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    with pytest.raises(UserError, match="file cannot be written: set HF_HOME to a folder that can"):
        models.locate("owner/name")


def refusal(kind: type[Exception]) -> Exception:
    return kind("long\nstory", response=SimpleNamespace(headers={}, request=None))


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (refusal(hub_errors.GatedRepoError), "asks for its terms to be accepted"),
        (refusal(hub_errors.RepositoryNotFoundError), "The hub has no owner/name"),
        (refusal(hub_errors.RevisionNotFoundError), "no such revision"),
        (hub_errors.HFValidationError("bad"), "not a valid name"),
        (hub_errors.OfflineModeIsEnabled("offline"), "the model hub cannot be reached"),
        (ConnectionError("no route"), "the model hub cannot be reached"),
        (RuntimeError("whatever the HTTP library raises"), "the model hub cannot be reached"),
    ],
)
def test_the_hub_s_refusals_are_one_sentence(
    fake_hub: FakeHub, failure: Exception, words: str
) -> None:
    fake_hub.failure = failure
    for door in (models.locate, models.describe):
        with pytest.raises(UserError, match=words) as told:
            door("owner/name")
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "name", ["a/b--c", "a/b..c", "a/b.", "a/-b", "-a/b", "a/b.git", f"a/{'b' * 200}"]
)
def test_a_name_that_the_hub_cannot_have_takes_no_other_off_the_page(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for door in (models.locate, models.describe, models.read_config):
        with pytest.raises(UserError, match="is not a valid name on the hub: write owner/name"):
            door(name)
    monkeypatch.setenv("NMVIZ_MODELS", f"{name},smollm2-135m")
    assert [info.id for info in models.offered()] == [*models.MODELS, name]


@pytest.mark.parametrize("failure", [None, ConnectionError("no route")])
def test_the_hub_is_asked_once_for_what_is_offered_and_a_failure_kept_a_minute(
    fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch, failure: Exception | None
) -> None:
    now = 1000.0
    monkeypatch.setattr(hub, "monotonic", lambda: now)
    monkeypatch.setenv("NMVIZ_MODELS", "owner/name")
    fake_hub.failure = failure
    first = [models.offered()[-1] for _ in range(3)]
    assert first[0] == first[1] == first[2]
    assert len(fake_hub.asked) == 1
    assert ("cannot be reached" in first[0].note) is (failure is not None)
    now += hub.FAILURE_KEPT + 1
    fake_hub.failure = None
    assert models.offered()[-1].blocks == 3
    assert len(fake_hub.asked) == (1 if failure is None else 2)


def test_without_a_network_a_cached_config_will_do(fake_hub: FakeHub) -> None:
    fake_hub.failure = ConnectionError("no route")
    make_folder(fake_hub.folder, config=LLAMA)
    info = models.describe("owner/name")
    assert (info.blocks, info.chat) == (3, False)
    assert models.read_config("owner/name") == LLAMA
    (fake_hub.folder / "config.json").unlink()
    with pytest.raises(UserError, match="the model hub cannot be reached"):
        models.describe("owner/name")


def test_without_a_network_a_complete_copy_will_do(fake_hub: FakeHub) -> None:
    fake_hub.failure = ConnectionError("no route")
    make_folder(fake_hub.folder, config=LLAMA)
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (fake_hub.folder / hub.INDEX).write_text(json.dumps(index))
    make_folder(fake_hub.folder, "model-1.safetensors")
    with pytest.raises(UserError, match="no complete copy on this machine"):
        models.locate("owner/name")
    make_folder(fake_hub.folder, "model-2.safetensors")
    assert models.locate("owner/name").folder == fake_hub.folder


def test_a_damaged_index_is_no_whole_model(fake_hub: FakeHub) -> None:
    make_folder(fake_hub.folder, config=LLAMA)
    for written in ("{", "{}"):
        (fake_hub.folder / hub.INDEX).write_text(written)
        assert not hub.is_here("owner/name")
        assert opening("owner/name") == FETCHING
