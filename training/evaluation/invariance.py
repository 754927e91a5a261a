"""How often a change that leaves the meaning alone flips a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from tqdm.auto import tqdm

from escalate import Classifier
from escalate.bundle import LANGUAGE_CLASSES
from training.corpus.messages import Message
from training.evaluation.resampling import SEED
from training.fitting.augmentation import HARMLESS, INVISIBLE, TYPO, Change, typo

CHANGES: Final[Mapping[str, Change]] = {**INVISIBLE, **HARMLESS, TYPO: typo}


def invariance(
    classifier: Classifier, messages: Sequence[Message], seed: int = SEED, workers: int = 2
) -> dict[str, dict[str, dict[str, float]]]:
    """Return per language and change the share of messages whose action it flips.

    The chance in a change depends on the seed and on the message's id alone, not on the other
    messages.

    Args:
        classifier: The classifier; its policy decides.
        messages: Messages; their labels are not used.
        seed: Seed of the changes.
        workers: Threads that score side by side.

    Returns:
        By language and change ``messages``, how many the change alters, and ``flipped``, the share of
        those that get another action. A change that alters no message of a language is not there.
    """
    texts, places = [message.text for message in messages], []
    for name, change in CHANGES.items():
        for row, message in enumerate(messages):
            changed = change(message.text, message.language, Random(f"{seed}/{name}/{message.id}"))
            if changed != message.text:
                texts.append(changed)
                places.append((message.language, name, row))
    answers = classifier.predict_many(texts, workers=workers)
    progress = tqdm(answers, total=len(texts), desc="invariance", unit="message", disable=len(texts) < 1000)
    actions = [prediction.action for prediction in progress]
    flips: dict[tuple[str, str], list[bool]] = {}
    for (language, name, row), action in zip(places, actions[len(messages) :], strict=True):
        flips.setdefault((language, name), []).append(action != actions[row])
    return {
        language: {
            name: {"messages": len(own), "flipped": sum(own) / len(own)}
            for name in CHANGES
            if (own := flips.get((language, name)))
        }
        for language in LANGUAGE_CLASSES
        if any(language == message.language for message in messages)
    }
