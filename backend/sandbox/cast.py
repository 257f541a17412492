"""Who lives in the sandbox. Every name, domain, ESI and address here is invented."""

from datetime import date
from enum import StrEnum

import msgspec

from ewp.ids import EuropeanStudentId, HeiId


class Family(StrEnum):
    """How an HEI speaks of nominations."""

    NEW = "new"  # omobilities 3: the sending HEI stores the decision
    OLD = "old"  # omobilities 2 and imobilities 1: the receiving HEI does
    NONE = "none"  # learning agreements only


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works at an HEI, as a learning agreement names them."""

    given_names: str
    family_name: str
    position: str
    email: str


class University(msgspec.Struct, frozen=True, kw_only=True):
    """One HEI of the sandbox."""

    hei_id: HeiId
    names: dict[str, str]  # by language
    country: str
    locality: str
    erasmus_code: str
    families: tuple[Family, ...]
    coordinator: Person
    serves_factsheet: bool = True
    iias: int | None = 7  # in which version it shows agreements; None: it does not

    @property
    def website(self) -> str:
        """The HEI's site; it does not exist."""
        return f"https://www.{self.hei_id}"


class Student(msgspec.Struct, frozen=True, kw_only=True):
    """A student of the sandbox."""

    key: str  # also the login's `login_hint`
    given_names: str
    family_name: str
    home: HeiId
    esi: EuropeanStudentId
    birth_date: date
    nationality: str
    gender: int
    email: str
    language: str


RIBEIRA = University(
    hei_id=HeiId("ribeira.example"),
    names={"pt": "Universidade da Ribeira", "en": "Ribeira University"},
    country="PT",
    locality="Ribeira",
    erasmus_code="P RIBEIRA01",
    families=(Family.NEW, Family.OLD),
    coordinator=Person(
        given_names="Marta",
        family_name="Sequeira",
        position="Mobility coordinator",
        email="mobilidade@ribeira.example",
    ),
)
LINDENTAL = University(
    hei_id=HeiId("lindental.example"),
    names={
        "de": "Technische Hochschule Lindental",
        "en": "Lindental University of Technology",
        "pt": "Escola Superior Técnica de Lindental",
    },
    country="DE",
    locality="Lindental",
    erasmus_code="D LINDENT01",
    families=(Family.NEW,),
    coordinator=Person(
        given_names="Ruth",
        family_name="Amsel",
        position="Head of the International Office",
        email="international@lindental.example",
    ),
)
CLAIRVAL = University(
    hei_id=HeiId("clairval.example"),
    names={"fr": "Université de Clairval", "en": "University of Clairval"},
    country="FR",
    locality="Clairval-sur-Orne",
    erasmus_code="F CLAIRVA01",
    families=(Family.OLD,),
    coordinator=Person(
        given_names="Hugo",
        family_name="Lemaire",
        position="Coordinateur Erasmus+",
        email="erasmus@clairval.example",
    ),
    iias=6,
)
JEZIORO = University(
    hei_id=HeiId("jezioro.example"),
    names={"pl": "Uniwersytet Jezioro", "en": "Jezioro University"},
    country="PL",
    locality="Jezioro",
    erasmus_code="PL JEZIORO01",
    families=(Family.NONE,),
    coordinator=Person(
        given_names="Ewa",
        family_name="Brzoza",
        position="Koordynator programu Erasmus+",
        email="bwm@jezioro.example",
    ),
    serves_factsheet=False,
    iias=None,
)
UNIVERSITIES = {each.hei_id: each for each in (RIBEIRA, LINDENTAL, CLAIRVAL, JEZIORO)}
COVERED = RIBEIRA


def _esi(hei: University, number: str) -> EuropeanStudentId:
    return EuropeanStudentId(f"urn:schac:personalUniqueCode:int:esi:{hei.hei_id}:{number}")


INES = Student(
    key="ines",
    given_names="Inês",
    family_name="Duarte",
    home=RIBEIRA.hei_id,
    esi=_esi(RIBEIRA, "2023-0417"),
    birth_date=date(2004, 2, 29),
    nationality="PT",
    gender=2,
    email="ines.duarte@alunos.ribeira.example",
    language="pt",
)
TIAGO = Student(
    key="tiago",
    given_names="Tiago",
    family_name="Moreira",
    home=RIBEIRA.hei_id,
    esi=_esi(RIBEIRA, "2022-1180"),
    birth_date=date(2003, 7, 8),
    nationality="PT",
    gender=1,
    email="tiago.moreira@alunos.ribeira.example",
    language="pt",
)
CAMILLE = Student(
    key="camille",
    given_names="Camille",
    family_name="Renard",
    home=CLAIRVAL.hei_id,
    esi=_esi(CLAIRVAL, "E77120"),
    birth_date=date(2004, 11, 3),
    nationality="FR",
    gender=2,
    email="camille.renard@etu.clairval.example",
    language="en",
)
JONAS = Student(
    key="jonas",
    given_names="Jonas",
    family_name="Keller",
    home=LINDENTAL.hei_id,
    esi=_esi(LINDENTAL, "5520913"),
    birth_date=date(2002, 5, 19),
    nationality="DE",
    gender=1,
    email="jonas.keller@stud.lindental.example",
    language="de",
)
ZOFIA = Student(
    key="zofia",
    given_names="Zofia",
    family_name="Wrona",
    home=JEZIORO.hei_id,
    esi=_esi(JEZIORO, "310442"),
    birth_date=date(2003, 1, 24),
    nationality="PL",
    gender=2,
    email="zofia.wrona@student.jezioro.example",
    language="en",
)
STUDENTS = {each.key: each for each in (INES, TIAGO, CAMILLE, JONAS, ZOFIA)}
