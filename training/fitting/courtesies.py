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
            "שלום לכולם,", "היי צוות,", "לשירות הלקוחות שלום,", "בוקר אור", "היי בוקר טוב", "שלום שוב,",
            "אהלן חברים", "ערב טוב לכם,", "חג שמח,", "שבת שלום,", "הלו", "סליחה,", "היי אפשר עזרה?",
            "מה קורה,", "למנהל שלום רב,", "לכל מאן דבעי,", "שלום, שמי דוד.", "היי, כאן שירה.",
            "צהריים טובים לכם,", "shalom",
        ),
        "ar": (
            "مرحبا،", "السلام عليكم", "السلام عليكم ورحمة الله", "أهلا", "صباح الخير", "مساء الخير،",
            "تحية طيبة", "هلا", "سلام", "إلى خدمة العملاء،", "حياكم الله", "يعطيكم العافية", "لو سمحت",
            "السلام عليكم ورحمة الله وبركاته،", "marhaba", "salam", "مرحبا بكم،", "هاي", "ألو",
            "السلام عليكم أخي", "صباح النور،", "مسا النور", "مساء الورد", "أهلين", "هلا والله",
            "عندي سؤال،", "السادة المحترمون،", "حضرة المدير،", "تحية وبعد،", "أسعد الله أوقاتكم،", "كيفكم،",
            "شلونكم", "ازيكم", "جمعة مباركة،", "معكم سامر،", "أنا منى،",
        ),
        "cs": (
            "Dobrý den,", "Dobry den", "Ahoj,", "Zdravím,", "Krásný den", "Hezký den,", "Dobré ráno",
            "Čau,", "dobrý", "Dobré odpoledne,", "Vážení,", "Dobrý večer", "zdravim", "Prosím vás,",
            "Vážená podpora,", "Dobrý den přeji,", "Dobrej,", "Hezké ráno,", "Krásné odpoledne,",
            "Nazdar,", "Hezký večer,", "Dobry vecer,", "Dobrej den", "Zdravím vás,",
            "Dobrý den, tady Martina.", "Vážená paní, vážený pane,", "Haló,", "Mám dotaz,", "Prosím,",
            "Ještě jednou dobrý den,", "Dobrý den všem,", "ahojky", "dobre rano",
            "Vážený zákaznický servise,",
        ),
        "en": (
            "Hi,", "Hello", "Hi there,", "Good morning,", "Dear team,", "hey", "Good afternoon", "hiya",
            "Dear Sir or Madam,", "Hello again,", "good evening", "Hi all,", "hey guys", "Hello support,",
            "Morning,", "Hello,", "Hey,", "Hi again,", "Dear all,", "Good evening,", "Hey there",
            "To whom it may concern,", "hullo", "Howdy,", "Hi, Mark here.", "Hello dear,", "Sir,",
            "Good morning team", "Happy Monday,", "Hi folks,", "Quick question:", "Excuse me,",
            "Hello sir/madam,", "yo", "Hi, this is Aisha.",
        ),
    },
    signatures={
        "he": (
            "דנה", "בברכה, יוסי כהן", "תודה", "בברכה", "נועה לוי, 052-4438871", "תודה רבה", "תודה מראש",
            "יום טוב", "בתודה, מיכל", "אבי ב.", "תודה ושבת שלום", "לילה טוב", "משה, חיפה",
            "בברכה, רות שגיא", "תודה, עומר", "שירה", "אלי מזרחי, באר שבע", "תודה ויום נעים",
            "בתודה מראש, גלית", "תודה לכם", "חן חן", "בכבוד רב", "שלכם, נדב", "תודה, משפחת פרץ",
            "אורית 054-7712093", "לילה טוב ותודה", "שבוע טוב", "תודה על הסבלנות", "בברכה, עו\"ד טל ברק",
            "ביי", "סבתא רחל", "תודה מקרב לב", "toda",
        ),
        "ar": (
            "شكرا", "مع التحية، سامي", "وشكراً لكم", "أم خالد", "تحياتي، هدى", "شكراً مقدماً", "تسلموا",
            "مع الشكر", "أحمد", "جزاكم الله خيرا", "تحياتي", "ولكم جزيل الشكر، ريم", "شكرا سلفا",
            "مع تحيات سمير", "شكراً، دعاء", "وشكرا", "أبو محمد", "مريم العلي، جدة", "تحياتي لكم، طارق",
            "يعطيك العافية", "مشكورين", "الله يعطيكم العافية", "ممنون", "بارك الله فيكم",
            "مع فائق الاحترام، سلمى", "منى 0501234987", "شكرا جزيلا", "وفقكم الله", "خالد من القاهرة",
            "دعواتكم", "شكرا على تعاونكم", "نورة", "shukran",
        ),
        "cs": (
            "Děkuji", "S pozdravem Jana Malá", "díky", "Petr Novák, tel. 604 228 113", "S pozdravem",
            "Děkuji předem", "diky moc", "Hezký den, Eva", "S přáním hezkého dne", "dekuju", "Novotný",
            "Předem děkuji za odpověď", "Mějte se, Tomáš", "Děkuji, Marek", "S pozdravem Ing. Dvořák",
            "Předem díky", "Hana", "Zdenka Křížová, Plzeň", "Díky, Ondra", "Hezký zbytek dne",
            "Na shledanou", "Děkuji vám mnohokrát", "S pozdravem a přáním pěkného dne",
            "Jiří K., 731 440 902", "zdravim Lenka", "Dík", "S díky Pavla", "Děkuju moc", "Rodina Šimkova",
            "Čau", "Děkuji za pochopení", "Přeji hezký víkend", "s pozdravem",
        ),
        "en": (
            "Thanks", "Kind regards, Sam", "Best, Priya Nair", "Thank you",
            "Regards, T. Walsh, 07700 900431", "Thanks in advance", "cheers", "Many thanks, Ola", "ta",
            "Yours sincerely, M. Byrne", "thx", "Have a nice day", "Sent from my phone", "Thanks, Jo",
            "Kind regards", "Emily", "Regards, Mr D. Osei, Leeds", "Thank you so much", "Cheers, Liam",
            "Looking forward to your reply", "Sincerely, Helen Park", "Thank you kindly", "Best",
            "Tom (07911 204 556)", "God bless", "Rgds", "tia", "Thanks and have a good one",
            "Yours, Mrs Kelly", "Bye", "Sent from my iPad", "Thank you for your patience",
            "The Wilson family",
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
