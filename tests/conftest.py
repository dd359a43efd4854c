"""A small shelf with made-up analyses and a model that answers in no time, for every test."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from leximind.inference.analysis import (
    Analysis,
    ArcPoint,
    Cue,
    Feelings,
    Gist,
    KeySentences,
    Sentence,
    Stage,
    Summary,
)
from leximind.labels import D_EMBEDDING, EMOTIONS, TOPICS
from leximind.library.store import Library, write_discovery
from leximind.library.work import DESCRIPTION, FULL_TEXT, SCHEMA
from leximind.service import Service
from tests.browsing import Visit, browsing, serving

if TYPE_CHECKING:
    from playwright import sync_api

MODEL_NAME = "fake-1"

# id, kind, title, author, year, topic, tone, subjects, description
SHELF: tuple[tuple[str, str, str, str, int | None, str, str, str, str], ...] = (
    ("moby-dick", "book", "Moby-Dick; or, The Whale", "Herman Melville", 1851, "Fiction", "fear admiration",
     "Whaling, Sea stories", "Captain Ahab hunts the white whale that took his leg, in an obsessive voyage."),
    ("frankenstein", "book", "Frankenstein; or, The Modern Prometheus", "Mary Shelley", 1818, "Fiction",
     "fear remorse grief", "Horror, Science", "A student makes a living creature and abandons it."),
    ("jane-eyre", "book", "Jane Eyre: An Autobiography", "Charlotte Brontë", 1847, "Fiction", "love remorse",
     "Governesses, Orphans", "A governess falls in love with the master of a house with a secret."),
    ("wuthering", "book", "Wuthering Heights", "Emily Brontë", 1847, "Fiction", "love anger",
     "Revenge, Yorkshire", "A foundling loves, loses and ruins two families on the moors."),
    ("emma", "book", "Emma", "Jane Austen", 1815, "Fiction", "amusement love",
     "Courtship", "A rich young woman makes matches for others and misreads her own heart."),
    ("pride", "book", "Pride and Prejudice", "Jane Austen", 1813, "Fiction", "amusement love admiration",
     "Courtship, Sisters", "Five sisters need husbands; Elizabeth enjoys disliking Mr Darcy."),
    ("time-machine", "book", "The Time Machine", "H. G. Wells", 1895, "Fiction", "curiosity fear",
     "Time travel", "An inventor visits the far future and finds mankind divided in two."),
    ("crime", "book", "Crime and Punishment", "Fyodor Dostoyevsky", 1866, "Fiction", "remorse fear",
     "Guilt, Saint Petersburg", "A poor student kills a pawnbroker and is hunted by his own conscience."),
    ("markup", "book", "<img src=x onerror=alert(1)>", "Robert <b>Tables</b>", 1999, "Technology", "",
     "HTML, Security", "A title that bites: <script>alert(1)</script> and the <b>whale</b> & its friends."),
    ("republic", "book", "The Republic", "Plato", -375, "Philosophy", "curiosity approval",
     "Justice", "Socrates asks whether it is better to be just or only to seem so."),
    ("meditations", "book", "Meditations", "Marcus Aurelius", 180, "Philosophy", "approval",
     "Stoicism", "An emperor reminds himself to be patient, useful and ready to die."),
    ("wealth", "book", "The Wealth of Nations", "Adam Smith", 1776, "Business", "approval",
     "Economics", "A pin factory, the division of labour and what prices do."),
    ("getting", "book", "The Art of Money Getting", "P. T. Barnum", 1880, "Business", "optimism amusement",
     "Success", "A showman explains thrift, work and advertising."),
    ("art-war", "book", "The Art of War", "Sun Tzu", -500, "History", "",
     "Strategy", "How to win without a battle."),
    ("decline", "book", "The Decline and Fall of the Roman Empire", "Edward Gibbon", 1776, "History",
     "sadness", "Rome", "How an empire came apart over thirteen centuries."),
    ("revolution", "book", "The French Revolution: A History", "Thomas Carlyle", 1837, "History",
     "anger excitement", "France", "A crowd storms the Bastille and a king loses his head."),
    ("slave", "book", "Narrative of the Life of Frederick Douglass", "Frederick Douglass", 1845, "History",
     "sadness anger", "Slavery, Memoirs", "A man born a slave learns to read and takes his freedom."),
    ("vasari", "book", "Lives of the Artists", "Giorgio Vasari", 1550, "Arts", "admiration",
     "Painters", "Gossip and praise of the painters of Florence."),
    ("picture", "book", "The Art of the Moving Picture", "Vachel Lindsay", 1915, "Arts",
     "excitement admiration", "Motion pictures", "A poet calls films a new fine art."),
    ("origin", "book", "On the Origin of Species", "Charles Darwin", 1859, "Science",
     "curiosity realization", "Evolution", "How small differences make new kinds of living things."),
    ("beagle", "book", "The Voyage of the Beagle", "Charles Darwin", 1839, "Science", "curiosity",
     "Natural history", "Five years round the world with a notebook, fossils and finches."),
    ("yang-mills", "paper", r"${\cal N}=4$ Super Yang-Mills", "Ana Field", 2003, "Science", "",
     "hep-th", r"We compute amplitudes in ${\cal N}=4$ super Yang-Mills theory, {{ 7*7 }} loops at a time."),
    ("attention", "paper", "Attention Is All You Need", "Ashish Vaswani", 2017, "Technology", "optimism",
     "Machine learning, Translation", "A network of attention alone translates better and trains faster."),
    ("residual", "paper", "Deep Residual Learning for Image Recognition", "Kaiming He", 2015, "Technology",
     "", "Machine learning, Vision", "Layers that learn a difference let networks grow deep."),
    ("shannon", "paper", "A Mathematical Theory of Communication", "Claude Shannon", 1948, "Technology",
     "realization", "Information theory", "How much of a message survives a noisy channel."),
    ("turing", "paper", "Computing Machinery and Intelligence", "Alan Turing", 1950, "Technology",
     "curiosity", "Artificial intelligence", "Can machines think? An imitation game is offered instead."),
    ("dna", "paper", "Molecular Structure of Nucleic Acids", "James Watson", 1953, "Science", "realization",
     "Genetics", "Two chains wound about one axis suggest a way to copy the genetic material."),
    ("ricci", "paper", "The Entropy Formula for the Ricci Flow", "Grigori Perelman", 2002, "Science", "",
     "Geometry", "A quantity that grows along the flow tames its singularities."),
    ("prospect", "paper", "Prospect Theory", "Daniel Kahneman", 1979, "Business", "realization",
     "Decisions", "People weigh losses more heavily than gains of the same size."),
    ("whale-song", "paper", "Songs of Humpback Whales", "Roger Payne", 1971, "Science", "admiration",
     "Bioacoustics", "Humpback whales sing long, repeating songs that carry through the sea."),
    ("undated", "paper", "Notes without a Date", "", None, "Arts", "",
     "Manuscripts", "Nobody knows when this was written."),
)  # fmt: skip

# Stand-ins for meaning: a text points to the concepts whose words it uses.
CONCEPTS = {
    "sea": "whale whales whaling sea voyage captain ahab hunt hunts hunting obsessive moby ship",
    "guilt": "remorse guilt conscience crime kills murder",
    "love": "love husbands courtship matches heart governess",
    "mind": "think machines imitation intelligence mind",
    "translation": "attention translates translation network networks",
    "life": "evolution genetic living species creature",
    "war": "battle war empire revolution bastille",
}


def unit(name: str) -> NDArray[np.float32]:
    """(384,) a direction that belongs to a name, the same in every run."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
    vector = np.random.default_rng(seed).standard_normal(D_EMBEDDING)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def embed(text: str) -> NDArray[np.float32]:
    """(384,) unit length: close to the concepts that the text speaks of, else on its own."""
    words = set(re.findall(r"\w+", text.lower()))
    vector = 0.5 * unit(text)
    for name, cues in CONCEPTS.items():
        vector = vector + len(words & set(cues.split())) * unit(name)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def scores(labels: Sequence[str], strong: Sequence[str], high: float, low: float) -> list[float]:
    """One score a label: ``high`` and a little less for each next strong one, ``low`` for the others."""
    return [high - 0.05 * strong.index(label) if label in strong else low for label in labels]


def row(entry: tuple[Any, ...], number: int = 0) -> dict[str, Any]:
    """A row of the dataset for an entry of ``SHELF``."""
    name, kind, title, author, year, topic, tone, subjects, description = entry
    feelings = tone.split()
    emotions = scores(EMOTIONS, feelings, 0.6, 0.05)
    return {
        "id": name,
        "kind": kind,
        "title": title,
        "authors": [author] if author else [],
        "year": year,
        "url": f"https://example.org/works/{name}",
        "source": "Project Gutenberg" if kind == "book" else "arXiv",
        "license": "Public domain in the USA" if kind == "book" else "CC0-1.0",
        "language": "en",
        "subjects": subjects.split(", "),
        "description": description,
        "summary": description.split(",", maxsplit=1)[0].rstrip(".") + ".",
        "summary_source": "written" if number % 2 else "extracted",
        "topic": topic,
        "topic_scores": scores(TOPICS, [topic], 0.7, 0.05),
        "emotions": emotions,
        "tone": feelings,
        "arc": [emotions, emotions[::-1]] if kind == "book" else [],
        "n_words": 90_000 if kind == "book" else None,
        "provenance": FULL_TEXT if kind == "book" else DESCRIPTION,
        "embedding": embed(f"{title} {description}").astype(np.float16),
        "x": float(number % 6),
        "y": float(number // 6),
        "model": MODEL_NAME,
        "analysed_at": "2026-01-31",
    }


class FakeAnalyzer:
    """A model whose answers follow from the words of a text alone."""

    name = MODEL_NAME

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([embed(text) for text in texts])

    def analyze(self, texts: Sequence[str], *, max_passages: int | None = None) -> list[Analysis]:
        return [self._analyze(text) for text in texts]

    def analyze_stages(self, text: str, *, max_passages: int | None = None) -> Iterator[Stage]:
        known = vars(self._analyze(text))
        for part in (Gist, Feelings, KeySentences, Summary):
            yield part(**{field.name: known[field.name] for field in fields(part)})

    def _analyze(self, text: str) -> Analysis:
        words = re.findall(r"\w+", text.lower())
        tone = tuple(emotion for emotion in EMOTIONS if emotion in words)
        topic = next((topic for topic in TOPICS if topic.lower() in words), "Fiction")
        emotions = tuple(scores(EMOTIONS, tone, 0.6, 0.05))
        first = text.split(".", maxsplit=1)[0] + "."
        cues = {
            emotion: (
                Cue(emotion, text.lower().index(emotion), text.lower().index(emotion) + len(emotion), 1.0),
            )
            for emotion in tone
        }
        return Analysis(
            text=text,
            language="en",
            notes=() if len(words) > 3 else ("This is a very short text.",),
            summary=first,
            summary_source="extracted",
            key_sentences=(Sentence(text[: len(first)], 0, min(len(first), len(text)), 0.9),),
            topic=topic,
            topic_scores=tuple(scores(TOPICS, [topic], 0.7, 0.05)),
            emotions=emotions,
            tone=tone,
            cues=cues,
            arc=(ArcPoint(0, len(text), emotions),),
            embedding=embed(text),
            n_tokens=len(words),
            n_passages=1,
            model=self.name,
        )


@pytest.fixture(scope="session")
def table() -> pa.Table:
    """The shelf as a table that fits the schema."""
    return pa.Table.from_pylist([row(entry, number) for number, entry in enumerate(SHELF)], schema=SCHEMA)


@pytest.fixture(scope="session")
def library_folder(table: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A discovery folder with its indexes. Shared: copy it before changing it."""
    folder = tmp_path_factory.mktemp("discovery")
    write_discovery(table, folder, model=MODEL_NAME, built_at="2026-01-31T12:00:00Z")
    return folder


@pytest.fixture(scope="session")
def library(library_folder: Path) -> Library:
    return Library.from_folder(library_folder)


@pytest.fixture(scope="session")
def analyzer() -> FakeAnalyzer:
    return FakeAnalyzer()


@pytest.fixture(scope="session")
def service(library: Library, analyzer: FakeAnalyzer) -> Service:
    metrics = {"emotion": {"macro_f1": 0.45, "shuffled": 0.05}}
    return Service(library, load_analyzer=lambda: analyzer, metrics=metrics)


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where Gradio puts what visitors upload."""
    folder = tmp_path_factory.mktemp("uploads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def address(service: Service, uploads: Path) -> Iterator[str]:
    """One server with the small shelf for all tests of pages and endpoints."""
    with serving(service) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    """Closed with its module: an open one keeps an event loop running in the thread of the tests."""
    with browsing() as browser:
        yield browser


@pytest.fixture
def visit(browser: "sync_api.Browser", address: str) -> Iterator[Visit]:
    """A visitor at 1280 x 900, by day, whose visit must end without a problem."""
    visit = Visit(browser, address)
    yield visit
    visit.settle()
