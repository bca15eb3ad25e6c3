"""Which words and numbers in a text are a postal address (en, de, fr, es, it, nl).

Each pattern needs a house number or a postal code. Complaints are masked as they arrive, so what
is cheap to see comes first: a pattern runs only where one of its telling words is in the text, or
where a number follows the end of a street's name; and patterns begin with one character, which the
engine looks for quickly, and look back from there.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_UPPER = "A-ZÀ-ÖØ-ÞŠŽŒ"
_NAME = rf"[{_UPPER}][\w'’.-]{{0,30}}+"
_UNIT = (
    r"(?!\s?(?:[°%€$£¥×]|(?:eur|euros?|usd|kg|g|mg|l|ml|cl|cm|mm|m|km|w|kw|kwh|wh|mah|ah|v|hz|ghz|gb"
    r"|mb|tb|lm|rpm|bar|db|min|std|h|sec|sek|days?|tagen?|jours?|d[ií]as?|giorn[oi]|dag(?:en)?"
    r"|weeks?|wochen?|semaines?|semanas?|settiman[ae]|weken|months?|monate?n?|mois|mes(?:es|i|e)?"
    r"|maanden?|years?|jahren?|ans|a[ñn]os?|ann[oi]|jaar|hours?|stunden?|heures?|horas?|or[ae]|uur"
    r"|pcs|st(?:ü|u)ck|pieces?|pi[èe]ces?|piezas?|pezzi|stuks?|units?|times|mal|fois|veces|volte"
    r"|keer|x)\b))"
)
_NUMBER = (
    r"\d{1,4}(?!\d)(?:(?:\s|[-/])?[a-zA-Z](?!\w))?(?:\s?[-–/]\s?\d{1,4}(?!\d)(?:\s?[a-z](?!\w))?)?"
    rf"(?!\w)(?![.,:]\d)(?i:{_UNIT})"
)
_START = r"(?<![\w#])(?<!\w['’.-])"  # never in the middle of a word, so that a try starts once
_CAPITAL = rf"[{_UPPER}](?<![\w#].)(?<!\w['’.-].)"  # the same, for a capital letter
_FIRST_NAME = rf"{_CAPITAL}[\w'’.-]{{0,30}}+"
_FIRST_DIGIT = r"\d(?<![\w#.,-].)"
_POSTCODE_UK = r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}(?![\w-])"
_STATE = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI"
    r"|S[CD]|T[NX]|UT|V[AT]|W[AIVY])"
)
_CITY = (
    rf"[{_UPPER}][\w'’-]{{2,30}}+(?:\s(?:a[nm]|sur|sous|de|la|le|del|bei|im|aan|op|den)(?=\s[{_UPPER}]))?"
    rf"(?:\s[{_UPPER}][\w'’-]{{1,30}}+){{0,2}}"
)
_PLACE = (
    rf"(?:(?:[A-Z]{{1,3}}-)?\d{{4,5}}(?!\d)(?:\s?[A-Z]{{2}}(?!\w))?\s{_CITY}"
    rf"|(?:{_CITY},?\s)?(?:{_STATE}\s\d{{5}}(?:-\d{{4}})?|{_POSTCODE_UK}))(?:\s\([A-Z]{{2}}\))?"
)


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write an address, and what must be in the text (in lower case) for it to match.

    Either one of `words`, as a word, or a number right after one of `ends`.
    """

    pattern: re.Pattern[str]
    words: frozenset[str] = frozenset()
    ends: tuple[str, ...] = ()


def _with_word(words: str, pattern: str) -> _Form:
    return _Form(re.compile(f"(?:{pattern})(?!\\w)"), words=frozenset(words.split("|")))


def _with_end(ends: str, pattern: str) -> _Form:
    return _Form(re.compile(f"(?:{pattern})(?!\\w)"), ends=tuple(ends.split("|")))


_STREETS = (
    _with_end(  # Hauptstraße 12a, Berliner Str. 5, hauptstr 7
        "str|straße|strasse",
        rf"{_START}(?:{_NAME}\s){{0,2}}(?i:[^\W\d_][\w'.-]{{1,40}})?(?i:stra(?:ß|ss)e|str\.?)\s?{_NUMBER}",
    ),
    _with_end(  # Ahornweg 3, Marktplatz 7
        "weg|allee|gasse|platz|damm|ufer|chaussee|steig|stieg|pfad|promenade|dijk|hof|ring|markt",
        r"(?!(?:Sitz|Steck|Speicher|Stell|Park|Lade|Arbeits|Um|Unter|Onder|Halb|Heim|Hin|Rück|Dicht"
        r"|Schlüssel|Ersatz|Well)(?:weg|platz|ring)\b)"
        rf"{_CAPITAL}(?:\w{{2,30}}(?:weg|allee|gasse|platz|damm|ufer|chaussee|steig|stieg|pfad"
        rf"|promenade|dijk|hof)"
        rf"|\w{{2,30}}(?:er|en|s)[ -](?:Platz|Allee|Weg|Gasse|Damm|Ufer|Ring|Markt|Hof"
        rf"|Chaussee|Promenade))\s?{_NUMBER}",
    ),
    _with_end(  # Kerkstraat 12-2, Prinsengracht 263
        "straat|laan|plein|gracht|kade|singel|steeg|plantsoen|dreef",
        rf"{_START}(?!Dekade|Arkade|Blockade)"
        rf"(?:{_NAME}\s(?:(?:van|de|der|den|het|ter)\s){{0,2}}){{0,2}}(?i:[^\W\d_][\w'.-]{{1,40}}"
        rf"(?:straat|laan|plein|gracht|kade|singel|steeg|plantsoen|dreef))\s{_NUMBER}",
    ),
    _with_word(  # 221B Baker Street, 350 5th Ave Apt 4
        "street|st|road|rd|avenue|ave|lane|ln|boulevard|blvd|drive|dr|court|ct|way|place|pl|square"
        "|sq|terrace|crescent|close|parkway|pkwy|highway|hwy|gardens|grove|mews|row|hill|circle"
        "|trail",
        rf"{_FIRST_DIGIT}\d{{0,4}}[A-Za-z]?,?\s(?:(?!(?:Hard|Flash|Disk|Disc|Pen|Thumb|Test|One|Two|Three"
        rf"|Four|Five|Fire|Work|Next|Last|By)\s)(?:[{_UPPER}][a-zà-ÿ'’.-]{{1,20}}|[NSEW]\.?"
        r"|\d{1,3}(?:st|nd|rd|th))\s){1,4}"
        r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Boulevard|Blvd|Drive|Dr|Court|Ct|Way|Place|Pl"
        r"|Square|Sq|Terrace|Crescent|Close|Parkway|Pkwy|Highway|Hwy|Gardens|Grove|Mews|Row|Hill"
        r"|Circle|Trail)\b(?!\s[A-Z][a-z]+er\b)\.?"
        r"(?:,?\s(?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor)\.?\s?#?[\w-]{1,6}|,?\s#\w{1,6})?",
    ),
    _with_word(  # 12 main street
        "street|avenue|boulevard|road|lane",
        rf"{_FIRST_DIGIT}\d{{0,4}}[a-z]?\s(?i:(?!(?:of|in|on|per|the|and|or|to|my|this|that|a|off|months?"
        r"|weeks?|days?|years?|times?|miles?)\s)[a-z'’-]{2,20}\s(?:street|avenue|boulevard|road|lane))"
        r"\b",
    ),
    _with_word(  # 12 bis, rue de la République
        "rue|avenue|av.|boulevard|bd|blvd|allée|chemin|impasse|quai|faubourg|sentier|résidence",
        rf"{_FIRST_DIGIT}\d{{0,3}}(?:\s?(?:bis|ter|quater|[A-Da-d])(?!\w))?,?\s"
        r"(?i:rue|avenue|av\.|boulevard|bd\.?|blvd|allées?|chemin|impasse|quai|faubourg|sentier"
        r"|résidence)\s(?:(?:de|du|des|la|le|les|l['’]|d['’])\s?){0,3}"
        rf"[\w'’.-]{{2,30}}+(?:\s(?:(?:de|du|des|la|le|les)\s){{0,2}}{_NAME}){{0,4}}",
    ),
    _with_word(  # 3 place de la Liberté: only before a name
        "place|cours|route|passage|voie|villa|square",
        rf"{_FIRST_DIGIT}\d{{0,3}}(?:\s?(?:bis|ter|[A-D])(?!\w))?,?\s"
        r"(?i:place|cours|route|passage|voie|villa|square)\s"
        r"(?:(?:de|du|des|la|le|les|l['’]|d['’])\s?){0,3}"
        rf"{_NAME}(?:\s(?:(?:de|du|des|la|le|les)\s){{0,2}}{_NAME}){{0,3}}",
    ),
    _with_word(  # rue Neuve 12, chaussée de Wavre 100
        "rue|avenue|boulevard|chaussée",
        rf"{_START}(?i:rue|avenue|boulevard|chaussée)\s(?:(?:de|du|des|la|le|les|l['’]|d['’])\s?){{0,3}}"
        rf"(?:{_NAME}\s){{0,2}}{_NAME},?\s(?:n°\s?)?{_NUMBER}",
    ),
    _with_word(  # C/ Mayor 5, 3º B; Avda. de la Constitución, nº 12
        "c|calle|avenida|avda|paseo|plaza|pza|camino|carretera|ctra|ronda|travesía|glorieta"
        "|rambla|urbanización",
        rf"{_START}(?:C/|(?i:calle|avenida|avda\.?|paseo|plaza|pza\.?|camino|carretera|ctra\.?|ronda"
        r"|travesía|glorieta|rambla|urbanización)\s)\s?(?:(?:de|del|la|las|los|el)\s){0,3}"
        rf"(?:{_NAME}\s(?:(?:de|del|la|las|los|y)\s){{0,2}}){{0,3}}[{_UPPER}][\w'’.ªº-]{{0,30}},?\s"
        rf"(?:(?:n[.ºo°]{{1,2}}|núm\.?|número)\s?)?{_NUMBER}"
        r"(?:,?\s\d{1,2}\s?[ºª°](?:\s?(?:izda|dcha|izq|[A-Za-z])\.?)?(?!\w)|,\s(?:piso|planta|puerta|esc\.?)\s?\w{1,3})?",
    ),
    _with_word(  # calle mayor 5
        "calle|avenida|avda",
        rf"{_START}(?i:calle|avenida|avda\.?)\s(?:(?:de|del|la|las|los|el)\s){{0,3}}[^\W\d_]{{2,30}}"
        rf"(?:\s[^\W\d_]{{2,30}})?,?\s(?:(?:n[.ºo°]{{1,2}}|núm\.?|número)\s?)?{_NUMBER}",
    ),
    _with_word(  # Via Garibaldi 12/A, P.zza del Duomo, 3
        "via|viale|le|piazza|zza|piazzale|corso|so|largo|vicolo|lungomare|contrada|strada",
        rf"{_START}(?:Via|Viale|V\.le|Piazza|P\.zza|Piazzale|Corso|C\.so|Largo|Vicolo|Lungomare|Contrada"
        r"|Strada)\s(?:(?:di|de|del|dei|della|delle|degli|dell['’]|d['’])\s?){0,2}"
        rf"(?:{_NAME}\s(?:(?:di|de|del|dei|della|delle|degli|e)\s){{0,2}}){{0,3}}{_NAME},?\s"
        rf"(?:n[.°]?\s?)?{_NUMBER}",
    ),
    _with_word(  # in via Roma 12, a Torino
        "via|viale|piazza|corso",
        rf"{_START}(?:via|viale|piazza|corso)\s(?:(?:del|dei|della|delle|degli|dell['’])\s?)?"
        rf"(?:[{_UPPER}][a-zà-ÿ'’.]{{1,30}}\s){{0,2}}[{_UPPER}][a-zà-ÿ'’.]{{1,30}},?\s(?:n[.°]?\s?)?"
        rf"{_NUMBER}(?=\s*(?:[,.;:)!?\n]|\Z|a\s|in\s|int))",
    ),
    _with_word(  # P.O. Box 12, Postfach 10 20 30
        "box|postfach|boîte|boite|b|bp|apartado|casella|c|postbus",
        rf"{_START}(?:(?i:p\.?\s?o\.?\s?box|postfach|bo[îi]te\spostale|apartado(?:\sde\scorreos)?"
        r"|casella\spostale|postbus)|B\.\s?P\.|C\.\s?P\.)\s{0,2}(?:n[.ºo°]{1,2}\s?)?"
        r"\d[\d ]{0,8}(?<=\d)(?!\d)"
        r"|BP\s\d{1,5}(?=,?\s\d{5}\s)",
    ),
    _with_word(  # postcode 1012 AB, PLZ: 80331
        "plz|postleitzahl|postal|postale|cap|postcode|zip|zipcode",
        rf"{_START}(?:(?i:plz|postleitzahl|code\spostal|c[óo]digo\spostal|codice\spostale|postcode"
        r"|zip(?:\s?code)?)|CAP)(?i::?\s(?:is\s|ist\s|est\s|es\s|è\s)?|:)"
        r"(?:\d{5}(?:-\d{4})?(?!\d)|\d{4}\s?[A-Z]{2}(?!\w)|\d{4}(?!\d)"
        r"|[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}(?!\w))",
    ),
)
_TOLD_BY_CODE = re.compile(  # Unter den Linden 77, 10117 Berlin: any name
    rf"{_FIRST_NAME}(?:\s(?:den|dem|der|die|am|an|im|van|de|het|{_NAME})){{0,4}}\s{_NUMBER},?\s{{1,2}}"
    rf"(?:\d{{5}}(?!\d)|\d{{4}}\s?[A-Z]{{2}}(?!\w))\s{_CITY}"
)
_BESIDE = re.compile(
    rf"(?:{_START}(?:{_PLACE}|(?i:flat|apt|unit|suite)\s[\w-]{{1,5}}),?\s{{1,3}})?"
    rf"\[address\](?:,?\s{{1,3}}{_PLACE})*+"
)
_STREET_BEFORE = re.compile(
    rf"{_FIRST_NAME}(?:\s(?:den|dem|der|de|van|{_NAME})){{0,2}}\s{_NUMBER},?\s{{1,2}}\[address\]"
)
_ALIKE = re.compile(r"\[address\](?:[,;]?\s{0,3}\[address\])++")
_CODE_BEFORE_CAPITAL = re.compile(rf"\d{{4,5}}(?:\s?[A-Z]{{2}})?\s[{_UPPER}]")
_PLACE_ALONE = re.compile(
    rf"(?P<code>\d(?<![\w.,#].)\d{{3,4}})(?!\d)(?P<letters>\s?[A-Z]{{2}}(?!\w))?\s(?P<city>{_CITY})"
)
_BEFORE_PLACE = re.compile(
    r"(?:(?P<told>\b(?:in|aus|nach|à|a|en|te)\s)|(?P<country>\b(?:DE?|FR?|ES?|IT?|NL|AT?|CH|BE?|L)-)"
    r"|(?P<dash>-))\Z",
    re.IGNORECASE,
)
_UK_ALONE = re.compile(r"[A-Z](?<![\w-].)[A-Z]?\d[A-Z\d]?\s\d[A-Z]{2}(?![\w-])")
_US_CODE = re.compile(rf"{_STATE}\s\d{{5}}")
_US_ALONE = re.compile(
    rf"{_CAPITAL}[\w'’-]{{2,30}}+(?:\s{_NAME}){{0,2}},?\s{_STATE}\s\d{{5}}(?:-\d{{4}})?(?![\w-])"
)
_WORD = re.compile(r"[^\W\d_]+")
_NUMBER_START = re.compile(r"\d+")
_LONGEST_END = 12
_ALL_WORDS = frozenset(word for form in _STREETS for word in form.words)
_ALL_ENDS = tuple(end for form in _STREETS for end in form.ends)
_CODES = frozenset(
    ["lot", "batch", "code", "model", "serial", "no", "nr", "part", "type", "version", "ref", "sku"]
)
_LETTERS_OF_UNITS = frozenset(
    [
        *("GB", "MB", "TB", "KB", "KW", "MW", "PS", "HP", "TV", "LM", "AH", "WH", "KG", "ML", "CL"),
        *("CM", "MM", "KM", "PC", "VA", "HZ", "DB", "SS", "SD", "SA", "ST", "NM"),
    ]
)
_NO_CITY = re.compile(
    r"(?:St[üu]ck|Stunden?|Umdrehung|Euro|Dollar|Kilometer|Meter|Schritt|Einheit|Watt|Volt|Lumen"
    r"|Kelvin|Seite|Artikel|Kunde|Bewertung|Tage|Zykl|Cycle|Hour|Unit|Piece|Mal|Jahr|Lux|Pixel"
    r"|Punkt|Teile|Liter|Gramm|Minute|Sekunde)"
)
_LARGE_CITIES = """
berlin hamburg münchen köln frankfurt stuttgart düsseldorf leipzig dortmund essen bremen dresden
hannover nürnberg duisburg bochum wuppertal bielefeld bonn münster mannheim karlsruhe augsburg
wiesbaden mönchengladbach gelsenkirchen aachen braunschweig kiel chemnitz halle magdeburg
freiburg krefeld mainz lübeck erfurt rostock kassel potsdam saarbrücken heidelberg regensburg
würzburg ulm wien graz linz salzburg innsbruck zürich genf basel bern lausanne luzern genève
paris marseille lyon toulouse nice nantes montpellier strasbourg bordeaux lille rennes reims
toulon grenoble dijon angers nîmes villeurbanne clermont brest limoges tours amiens perpignan
metz besançon orléans rouen mulhouse caen nancy bruxelles liège namur madrid barcelona valencia
sevilla zaragoza málaga murcia palma bilbao alicante córdoba valladolid vigo gijón granada
vitoria elche oviedo badalona cartagena pamplona santander roma milano napoli torino palermo
genova bologna firenze bari catania venezia verona messina padova trieste brescia parma prato
modena reggio perugia livorno ravenna cagliari rimini salerno amsterdam rotterdam utrecht
eindhoven groningen tilburg almere breda nijmegen arnhem haarlem enschede apeldoorn amersfoort
zwolle leiden maastricht dordrecht zoetermeer delft antwerpen gent brugge leuven brussel
"""
_CITIES = frozenset(_LARGE_CITIES.split())


def mask_addresses(text: str) -> str:
    """Replace streets with house numbers, postal codes with places, and post office boxes."""
    if _NUMBER_START.search(text) is None:
        return text
    for form in _present(text.lower()):
        text = form.pattern.sub("[address]", text)
    has_code = _CODE_BEFORE_CAPITAL.search(text) is not None
    if has_code:
        text = _TOLD_BY_CODE.sub("[address]", text)
    if "[address]" in text:
        text = _BESIDE.sub("[address]", text)
    if has_code:
        text = _PLACE_ALONE.sub(_place, text)
    if _US_CODE.search(text):
        text = _US_ALONE.sub("[address]", text)
    text = _UK_ALONE.sub(_uk, text)
    if "[address]" in text:
        text = _ALIKE.sub("[address]", _STREET_BEFORE.sub("[address]", text))
    return text


def _present(lowered: str) -> Iterator[_Form]:
    words = _ALL_WORDS.intersection(_WORD.findall(lowered))
    ends = [
        before
        for number in _NUMBER_START.finditer(lowered)
        if (before := _before(lowered, number.start())).endswith(_ALL_ENDS)
    ]
    if not words and not ends:
        return
    for form in _STREETS:
        if not words.isdisjoint(form.words) or any(end.endswith(form.ends) for end in ends):
            yield form


def _before(lowered: str, start: int) -> str:
    return lowered[max(0, start - _LONGEST_END) : start].rstrip(" .,\n\u00a0")


def _place(match: re.Match[str]) -> str:
    return "[address]" if _is_place(match) else match[0]


def _is_place(match: re.Match[str]) -> bool:
    """Tell "80331 München" from "10000 Stunden": a country, a known place or a telling word."""
    city, code, letters = match["city"], match["code"], (match["letters"] or "").strip()
    start = match.start()
    before = _BEFORE_PLACE.search(match.string[max(0, start - 6) : start])
    if before and before["dash"]:
        return False
    if letters:
        return len(code) == 4 and letters not in _LETTERS_OF_UNITS and code[0] != "0"
    if _NO_CITY.match(city):
        return False
    if (before and before["country"]) or _FIRST_PART.split(city)[0].lower() in _CITIES:
        return True
    return before is not None and len(code) == 5 and not code.endswith("00")


_FIRST_PART = re.compile(r"[ -]")


def _uk(match: re.Match[str]) -> str:
    start = match.start()
    words = _WORD.findall(match.string[max(0, start - 20) : start].lower())
    return match[0] if words and words[-1] in _CODES else "[address]"
