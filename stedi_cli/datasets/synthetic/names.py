"""Invented names, e-mail addresses and serial numbers: nobody's, and none taken from real data."""

from __future__ import annotations

import hashlib
import unicodedata

_FIRST_NAMES = (
    "Abelone Adaline Aldous Alvena Amabel Anselma Arwin Aster Aurelie Balduin Barnaby Beatrix "
    "Benedikta Bertil Birgit Bogdan Brunhild Calliope Casimir Cato Celestine Cosima Crispin Dagny "
    "Damaris Delphine Dorothea Egon Elfriede Elowen Emeric Engelbert Esme Eudora Evander Fabiola "
    "Felicitas Fenella Fergus Fiorella Florian Freydis Gaspard Genoveva Gerlinde Gudrun Gwendal "
    "Halvard Hedwig Henrike Hildur Hortense Hyacinth Idony Ignatius Ilsabet Ingram Isolde Jocasta "
    "Jorunn Juniper Katinka Kunibert Lavinia Leocadia Linnea Lorcan Ludmila Lysander Magnhild "
    "Malvina Marisol Melchior Merle Mirabel Nadezhda Nerissa Oda Odalys Oleander Orsolya Ottilie "
    "Perpetua Petronella Philippa Quirin Ragnhild Renske Rosalind Rufus Sabin Saskia Sidonie "
    "Signe Solveig Sunniva Tancred Tatjana Thea Thisbe Tilda Torvald Ulrike Ursel Valeska Vesna "
    "Vivian Waldemar Wendelin Wilhelmina Xaver Yrsa Yvain Zdenka Zenobia Zoë"
)

_LAST_NAMES = (
    "Abendroth Achterberg Aldercott Amselwood Applegarth Ashdown Auerswald Bairnsfather Barleycorn "
    "Beckenridge Birkenhain Blackthorn Bluemel Brambleby Brightwater Brookenby Burgstaller "
    "Cattermole Chantrell Cloudesley Coldstream Cranmoor Dahlgaard Deepwell Dornbusch Drosselbart "
    "Duckett Eichenlaub Ellersdorf Elmsworth Emberton Everglade Fairweather Falkenrath Farnaby "
    "Fernhill Fiddler Finkenwerder Foxglove Frostholm Gatherwood Gildersleeve Goldammer Gossamer "
    "Greyling Grünwald Haddock Halloway Harkness Haselhorst Hawksworth Heatherfield Hollowell "
    "Honeychurch Hummelstad Immergrün Inkpen Ironside Jägerstad Jessamy Kestrel Kirschbaum "
    "Kittiwake Kornblum Lambswick Larkspur Lindqvist Littlejohn Lockridge Lovelace Mallowan "
    "Marigold Marlinspike Meadowcroft Merriweather Millrace Mistral Moorcroft Nettlefold Nightjar "
    "Nordheimer Oakhanger Oleson Otterburn Overbeck Parsley Pennywhistle Pfefferkorn Pimpernel "
    "Plumtree Quickfall Quillfeather Ravensdale Redfern Ringelnatz Rosenhag Rowntree Saltmarsh "
    "Sandpiper Schlüter Seaholm Silverthorne Sparrowhawk Sternberg Stillwater Summerhayes "
    "Swallowfield Tamarisk Tannhaus Thistlewood Thornbury Tidewell Underhill Valderholm Vogelsang "
    "Wacholder Waterhouse Weatherby Whistlecraft Wiesengrund Wildgoose Willowby Winterbourne "
    "Wolkenstein Woodruff Yarrow Yellowley Zaunkönig Zeisig"
)

_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()
_HOSTS = ("example.com", "example.org", "example.net")


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()


_FIRST_IN_MAIL = [_ascii(name) for name in _FIRST]
_LAST_IN_MAIL = [_ascii(name) for name in _LAST]
_COMBINATIONS = len(_FIRST) * len(_LAST)
# Prime, and no divisor of the number of combinations: every one comes up once before any again.
_STRIDE = 7919


def name_and_email(seed: int, customer: int) -> tuple[str, str]:
    """The name of a customer, and an e-mail address that no other customer has in any spelling."""
    chosen = (customer * _STRIDE + seed * 104_729) % _COMBINATIONS
    first, last = chosen % len(_FIRST), chosen // len(_FIRST)
    again = customer // _COMBINATIONS
    number = str(again + 1) if again else ""
    host = _HOSTS[chosen % len(_HOSTS)]
    return (
        f"{_FIRST[first]} {_LAST[last]}",
        f"{_FIRST_IN_MAIL[first]}.{_LAST_IN_MAIL[last]}{number}@{host}",
    )


def serial_number(seed: int, number: int) -> str:
    """The serial number of a device, in the shape of a UUID."""
    digits = hashlib.blake2b(b"%d:%d" % (seed, number), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
