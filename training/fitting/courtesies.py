"""Greetings and signatures: one set that the network learns with, another to measure it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Courtesies:
    """What people put before and after a message, by language."""

    greetings: Mapping[str, tuple[str, ...]]
    signatures: Mapping[str, tuple[str, ...]]


LEARNED: Final = Courtesies(
    greetings={
        "he": (
            "שלום,", "היי", "שלום רב,", "בוקר טוב", "ערב טוב,", "הי,", "צהריים טובים", "אהלן", "שלום לכם",
            "היי מה נשמע?", "לכבוד שירות הלקוחות,", "שבוע טוב!", "צוות יקר,", "שלום וברכה", "היי שוב,",
        ),
        "ar": (
            "مرحبا،", "السلام عليكم", "السلام عليكم ورحمة الله", "أهلا", "صباح الخير", "مساء الخير،",
            "تحية طيبة", "هلا", "سلام", "إلى خدمة العملاء،", "حياكم الله", "يعطيكم العافية",
            "لو سمحت", "السلام عليكم ورحمة الله وبركاته،", "marhaba", "salam",
        ),
        "cs": (
            "Dobrý den,", "Dobry den", "Ahoj,", "Zdravím,", "Krásný den", "Hezký den,", "Dobré ráno",
            "Čau,", "dobrý", "Dobré odpoledne,", "Vážení,", "Dobrý večer", "zdravim", "Prosím vás,",
            "Vážená podpora,",
        ),
        "en": (
            "Hi,", "Hello", "Hi there,", "Good morning,", "Dear team,", "hey", "Good afternoon", "hiya",
            "Dear Sir or Madam,", "Hello again,", "good evening", "Hi all,", "hey guys", "Hello support,",
            "Morning,",
        ),
    },
    signatures={
        "he": (
            "דנה", "בברכה, יוסי כהן", "תודה", "בברכה", "נועה לוי, 052-4438871", "תודה רבה", "תודה מראש",
            "יום טוב", "בתודה, מיכל", "אבי ב.", "תודה ושבת שלום", "לילה טוב", "משה, חיפה",
        ),
        "ar": (
            "شكرا", "مع التحية، سامي", "وشكراً لكم", "أم خالد", "تحياتي، هدى", "شكراً مقدماً", "تسلموا",
            "مع الشكر", "أحمد", "جزاكم الله خيرا", "تحياتي", "ولكم جزيل الشكر، ريم", "شكرا سلفا",
        ),
        "cs": (
            "Děkuji", "S pozdravem Jana Malá", "díky", "Petr Novák, tel. 604 228 113", "S pozdravem",
            "Děkuji předem", "diky moc", "Hezký den, Eva", "S přáním hezkého dne", "dekuju", "Novotný",
            "Předem děkuji za odpověď", "Mějte se, Tomáš",
        ),
        "en": (
            "Thanks", "Kind regards, Sam", "Best, Priya Nair", "Thank you", "Regards, T. Walsh, 07700 900431",
            "Thanks in advance", "cheers", "Many thanks, Ola", "ta", "Yours sincerely, M. Byrne", "thx",
            "Have a nice day", "Sent from my phone",
        ),
    },
)  # fmt: skip

HELD_OUT: Final = Courtesies(
    greetings={
        "he": ("שלום שלום,", "היי לכולם", "ערב נעים,", "אחר צהריים טובים,", "שלום לצוות"),
        "ar": ("أهلا وسهلا،", "السلام عليكم يا جماعة", "نهاركم سعيد،", "مسا الخير", "تحياتي للجميع،"),
        "cs": ("Pěkný den,", "Zdravíčko,", "Dobrý podvečer,", "Hezké dopoledne", "Milý týme,"),
        "en": ("Hello everyone,", "Good day,", "hi team", "Greetings,", "Dear customer service,"),
    },
    signatures={
        "he": ("בכבוד רב, רונית", "המון תודה", "יעל מרעננה", "נתראה, גיל", "בברכה, משפחת אזולאי"),
        "ar": ("ألف شكر", "مع خالص التحية، نادر", "ليلى من عمّان", "دمتم بخير", "وتقبلوا تحياتي، أبو يوسف"),
        "cs": ("Moc děkuji", "S úctou Karel Beneš", "Zdraví Lucie", "měj se", "Zatím, Alena"),
        "en": ("Much appreciated", "Best wishes, Dan", "Warm regards, Grace O.", "Take care", "Ravi, Leeds"),
    },
)  # fmt: skip
