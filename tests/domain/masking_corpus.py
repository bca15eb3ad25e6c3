"""What customers write, in six languages, with what must not survive marked by «…».

Made up for these tests. `TOLD` was there while the patterns were made; `HELD_OUT` was written
afterwards. When first measured, all 76 of `HELD_OUT` were found, 8 of its 34 addresses in part.
All numbers and addresses are invented or reserved for documentation; the cards are test numbers.
"""

import re
from dataclasses import dataclass

CARDS = (
    "4111111111111111",
    "4012888888881881",
    "4222222222222",
    "5555555555554444",
    "5105105105105100",
    "2223003122003222",
    "378282246310005",
    "371449635398431",
    "30569309025904",
    "38520000023237",
    "36227206271667",
    "6011111111111117",
    "6011000990139424",
    "3530111333300000",
    "3566002020360505",
    "6200000000000005",
    "6759649826438453",
    "5018000000000009",
)
"""Published test numbers of card brands."""


@dataclass(frozen=True)
class Labelled:
    """A text without its marks, and the parts that were marked, with their kind."""

    language: str
    kind: str
    text: str
    secrets: tuple[str, ...]


def _labelled(language: str, kind: str, marked: str) -> Labelled:
    secrets = tuple(re.findall(r"«(.*?)»", marked, re.DOTALL))
    return Labelled(language, kind, re.sub("[«»]", "", marked), secrets)


_TOLD = {
    ("en", "email"): [
        "Please reply to «jo.doe+kettle@example.com», thanks.",
        "my mail is «JOHN_SMITH@Example.CO.UK»!",
        "write to «o'brien@example.ie» or <«sales@sub.shop.example.org»>",
        "Contact: «jane (at) example.com»",
        "it is «jane at example dot com» if you need me",
        "«jane @ example.com» is where I am",
    ],
    ("en", "phone"): [
        "Call me on «+44 20 7946 0958» after six",
        "my number is «07700 900123»",
        "Reach me at «(555) 010-4477» please",
        "ring «020 7946 0018», ask for Tom",
        "phone «555-010-9988»",
        "cell: «+1-202-555-0143»",
    ],
    ("en", "address"): [
        "Send it to «221B Baker Street, London NW1 6XE» please",
        "I live at «12 Elm Road» and it never came",
        "Ship to «350 Fifth Avenue Apt 4, New York, NY 10118»",
        "my address is «7 Oak Lane, Leeds LS1 4AP»",
        "deliver to «P.O. Box 1234»",
        "it was left at «45 high street»",
    ],
    ("en", "iban"): ["refund to «GB29 NWBK 6016 1331 9268 19»", "IBAN «GB82WEST12345698765432»"],
    ("de", "email"): [
        "Bitte an «anna.schmidt@beispiel.de» antworten.",
        "E-Mail:«karl-heinz@müller.example»",
        "Schreiben Sie mir: «k.mueller (ät) example.de»",
        "«max[at]beispiel(punkt)de»",
        "meine Adresse ist «lisa @ web.de»",
    ],
    ("de", "phone"): [
        "Rufen Sie mich an: «030 5550100»",
        "Tel.: «+49 (0)30 5550100»",
        "Handy «0171/5550199»",
        "unter «0049 170 5550123» erreichbar",
        "Tel.-Nr. «089 55501»",
        "mobil «015155501234»",
    ],
    ("de", "address"): [
        "Ich wohne in der «Hauptstraße 12a, 10115 Berlin».",
        "bitte an «Berliner Str. 5, 80331 München» schicken",
        "Lieferung an «Ahornweg 3» kam nie an",
        "Adresse: «Unter den Linden 77, 10117 Berlin»",
        "«hauptstr. 7» steht falsch im Konto",
        "«Postfach 10 20 30»",
        "meine Anschrift: «Karl-Marx-Allee 100\n10243 Berlin»",
    ],
    ("de", "iban"): [
        "Erstattung auf «DE89 3704 0044 0532 0130 00» bitte",
        "Konto «AT611904300234573201»",
        "«CH93 0076 2011 6238 5295 7»",
    ],
    ("fr", "email"): [
        "Écrivez-moi à «marie.dupont@exemple.fr».",
        "mon courriel: «jean-luc@laposte.net»",
        "«camille arobase exemple point fr»",
        "«paul(arobase)exemple.fr»",
    ],
    ("fr", "phone"): [
        "Appelez-moi au «06 12 34 56 78»",
        "tél. «01.42.68.53.00»",
        "mon numéro «+33 6 12 34 56 78»",
        "joignable au «0612345678» le soir",
        "«0033 1 42 68 53 00»",
    ],
    ("fr", "address"): [
        "J'habite «12 bis, rue de la République, 69002 Lyon»",
        "livré au «3 avenue Victor Hugo»",
        "«27 boulevard Saint-Michel 75005 Paris»",
        "adresse: «8 place de la Liberté»",
        "envoyez à «15 chemin des Lilas»",
        "«Boîte postale 12»",
    ],
    ("fr", "iban"): ["remboursement sur «FR14 2004 1010 0505 0001 3M02 606»"],
    ("es", "email"): [
        "Mi correo es «lucia.gomez@ejemplo.es»",
        "escriban a «pepe_1980@correo.ejemplo.com»",
        "«ana (arroba) ejemplo.es»",
        "«ana arroba ejemplo punto es»",
    ],
    ("es", "phone"): [
        "Llámenme al «612 34 56 78»",
        "mi número es el «+34 612 345 678»",
        "móvil «612345678»",
        "teléfono «91 555 01 00»",
        "fijo: «912 345 678»",
    ],
    ("es", "address"): [
        "Vivo en la «Calle Mayor 5, 28013 Madrid»",
        "entregar en «Avda. de la Constitución, nº 12»",
        "«C/ Gran Vía 32, 3º B»",
        "«Plaza de España 1»",
        "mi casa: «calle alcalá 20»",
        "«Apartado de correos 45»",
    ],
    ("es", "iban"): ["devolución a «ES91 2100 0418 4502 0005 1332»"],
    ("it", "email"): [
        "Scrivetemi a «giulia.rossi@esempio.it»",
        "la mia mail è «mario.bianchi@libero.it»,",
        "«mario chiocciola esempio punto it»",
        "«g.verdi [chiocciola] esempio.it»",
    ],
    ("it", "phone"): [
        "Chiamatemi al «333 1234567»",
        "tel. «02 5550100»",
        "cellulare «+39 347 555 0123»",
        "il mio numero «06/5550123»",
        "telefono «3401234567»",
    ],
    ("it", "address"): [
        "Abito in «Via Garibaldi 12/A, 20121 Milano»",
        "consegna in «Piazza del Duomo, 3»",
        "«Corso Vittorio Emanuele II 15»",
        "abito in «via Roma 12» a Torino",
        "«Viale della Libertà n. 8»",
        "«Casella postale 77»",
    ],
    ("it", "iban"): ["rimborso su «IT60 X054 2811 1010 0000 0123 456»"],
    ("nl", "email"): [
        "Mail mij op «sanne.devries@voorbeeld.nl»",
        "mijn adres is «j.jansen@kpnmail.nl».",
        "«piet apenstaartje voorbeeld punt nl»",
        "«piet(apenstaartje)voorbeeld.nl»",
    ],
    ("nl", "phone"): [
        "Bel mij op «06-12345678»",
        "mijn nummer «020 5550100»",
        "telefoon «+31 6 12345678»",
        "u kunt mij bereiken op «0612345678»",
        "«0031 20 555 0100»",
    ],
    ("nl", "address"): [
        "Ik woon op «Kerkstraat 12-2, 1017 GC Amsterdam»",
        "bezorgd op «Prinsengracht 263»",
        "«Burgemeester de Vlugtlaan 5»",
        "adres: «Dorpsplein 8, 3512 JC Utrecht»",
        "postcode «1012 AB»",
        "«Postbus 90801»",
    ],
    ("nl", "iban"): ["terugbetalen op «NL91 ABNA 0417 1643 00»"],
}

TOLD = tuple(
    _labelled(language, kind, marked)
    for (language, kind), texts in _TOLD.items()
    for marked in texts
)

ORDINARY = (
    "Lot L2025-0312 leaks at the lid.",
    "Batch 240312-01, 5 of 12 units broken.",
    "Bought on 12.03.2025, broken on 2025-11-02 at 14:30.",
    "Order 302-1234567-1234567 never worked.",
    "Order no. 100023456 arrived with scratches.",
    "It reached 180-200 °C instead of 90 °C.",
    "The table is 120 x 80 x 75 cm, the shelf 60.5 cm.",
    "Paid 1.299,00 EUR, refunded 12.50.",
    "Size 42 is too small, size 43/44 fits.",
    "EAN 4006381333931 is on the box.",
    "Serial SN 0123456789 stopped after 3 weeks.",
    "Tracking 00340434161094042557 says delivered.",
    "Version 2.0.14.3 crashes, 1.9.8 did not.",
    "1 TB Hard Drive fails after 2 hours.",
    "I waited 20 minutes, then it smelled burnt.",
    "Uses 2000 W at 230 V, fuse 16 A trips.",
    "Article 604.328.21 misses 4 screws M6x40.",
    "IP 192.168.100.200 is not reachable.",
    "3 of 10 @ 9.99 each were broken",
    "Model XG-5000 2024 edition, 3-way switch",
    "Charge 0325-0117 ist undicht.",
    "Nach 3 Tagen war das Gerät kaputt, seit 05.11.2025.",
    "Der Dichtring 2 fehlt, Schraube M4 x 20 auch.",
    "Speicherplatz 128 GB statt 256 GB.",
    "Bestellung 12345678 vom 01.02.2025 14:05 Uhr.",
    "Hält nur 10000 Stunden statt 50000 Stunden.",
    "Auf Platz 3 der Liste, Note 2,5.",
    "Temperatur 37,5 bis 39,2 Grad, 3 Mal gemessen.",
    "Le lot 2503A17 fuit, 4 pièces sur 12.",
    "Commande 2025110212 reçue le 02/11/2025.",
    "La rue est calme mais l'appareil fait 75 dB.",
    "Taille 38, trop petit de 2 cm.",
    "El lote 25-0117 está roto, 3 de 20 unidades.",
    "Pedido 4500123456 del 03/11/2025, 49,95 €.",
    "Dura 12 horas en vez de 24 horas.",
    "Lotto 0325/17, temperatura 85 °C.",
    "Ordine 2025-000123 arrivato il 05/11/2025.",
    "Funziona 2 volte su 10, via DHL in 3 giorni.",
    "Bestelling 900123456, maat 42, 3 dagen te laat.",
    "Partij 2203-17 lekt, 6 van de 24 stuks.",
)
"""Ordinary complaints: nothing in them is personal."""

_HELD_OUT = {
    ("en", "email"): [
        "You can also use «support-me99@mail.example.info» any time.",
        "Email me at: «m_o_lee@univ.example.edu».",
        "(«tim@example.net»)",
    ],
    ("en", "phone"): [
        "Give me a ring on «01632 960 961» tomorrow.",
        "I'm on «+1 (202) 555-0187»",
        "Text «202-555-0112» when it is in stock.",
        "WhatsApp «+447700900456»",
        "my mobile is «07700900789».",
    ],
    ("en", "address"): [
        "The parcel should have gone to «1600 Amphitheatre Parkway, Springfield, CA 94043».",
        "Collect it from «Flat 3, 18 Queens Gardens, Bristol BS1 5TR»",
        "We moved to «9 St. John's Terrace» last month",
        "My house, «4 The Crescent», has no bell",
        "Replacement to «88 West 42nd Street, New York»",
        "PO Box: «PO Box 77, Hull»",
    ],
    ("en", "iban"): ["pay to «IE29AIBK93115212345678»"],
    ("de", "email"): [
        "Antwort gern an «peter_lustig1950@gmx.example» oder telefonisch",
        "Kontakt <«info@kleine-firma.example»>",
    ],
    ("de", "phone"): [
        "Sie erreichen mich tagsüber unter «0221-5550177».",
        "Meine Nummer ist «0049(0)40 5550111»",
        "Bitte um Rückruf: «(0711) 555 01 22»",
        "«+43 664 5550133» (Österreich)",
        "Telefon «044 555 01 44» (Schweiz)",
    ],
    ("de", "address"): [
        "Neue Anschrift: «Am Alten Markt 4, 50667 Köln»",
        "Das Paket ging an «Lindenallee 22b» statt 22c.",
        "wohnhaft «Goethestr. 33, D-60313 Frankfurt am Main»",
        "Abholung in «An der Alster 64, 20099 Hamburg»",
        "«Mozartgasse 5, 1040 Wien»",
        "Rücksendung aus «Im Winkel 9, 79098 Freiburg»",
        "«Bahnhofstrasse 10, 8001 Zürich»",
    ],
    ("de", "iban"): ["Bitte auf mein Konto «de02120300000000202051»"],
    ("fr", "email"): [
        "Contact : «service.client.perso@free.example», merci",
        "«zoe-martin@orange.fr» ou par courrier",
    ],
    ("fr", "phone"): [
        "Rappelez-moi au «07.98.76.54.32» svp",
        "mon portable: «+33(0)612345699»",
        "Fixe «05 55 01 02 03»",
        "contactez moi «+32 475 55 01 23»",
    ],
    ("fr", "address"): [
        "colis attendu au «5 impasse du Moulin, 44000 Nantes»",
        "Je suis au «144 quai de Jemmapes, 75010 Paris», 3e étage",
        "domicile : «2 ter allée des Acacias»",
        "«18 cours Mirabeau, 13100 Aix-en-Provence»",
        "«Rue Neuve 12, 1000 Bruxelles»",
        "«35 route de Lyon»",
    ],
    ("fr", "iban"): ["mon RIB: «BE68 5390 0754 7034»"],
    ("es", "email"): ["pueden escribirme: «j.perez-garcia@empresa.example.es»"],
    ("es", "phone"): [
        "mi teléfono: «655 01 02 03»",
        "Contacten al «+34-93-555-01-23»",
        "whatsapp «+52 55 5550 1234»",
        "llamar al «954 55 01 02» por la tarde",
    ],
    ("es", "address"): [
        "Dirección: «Avenida Diagonal 405, 08008 Barcelona»",
        "mandarlo a «Paseo de la Castellana 89, 2º izda»",
        "vivo en «Ronda de Atocha, 15»",
        "«Carretera de Cádiz 120, 29004 Málaga»",
        "«Calle del Pez, 7, piso 1»",
    ],
    ("es", "iban"): ["cuenta «ES7921000813610123456789»"],
    ("it", "email"): ["potete scrivere a «anna_maria.b@posta.example»."],
    ("it", "phone"): [
        "il mio cell: «349-5550123»",
        "Telefono «+39 06 5550 1234»",
        "chiamare lo «011 5550199»",
        "cell. «328 555 01 23»",
    ],
    ("it", "address"): [
        "Spedire a «Viale Monza 140, 20125 Milano (MI)»",
        "residente in «Via XX Settembre 24»",
        "«Largo Augusto, 1»",
        "«Strada Maggiore 42, 40125 Bologna»",
        "«P.zza San Carlo 9»",
    ],
    ("it", "iban"): ["IBAN: «IT40S0542811101000000123456»"],
    ("nl", "email"): ["stuur bericht naar «klaas@bedrijf.example.nl» aub"],
    ("nl", "phone"): [
        "mobiel «06 55501234»",
        "bellen kan: «+31(0)30-5550123»",
        "vast nummer «0513-555012»",
        "«+32 9 555 01 23» (België)",
    ],
    ("nl", "address"): [
        "afgeleverd bij «Lange Voorhout 34, 2514 EE Den Haag»",
        "Ik verhuis naar «Stationsplein 1»",
        "«Herengracht 502-B, 1017 CB Amsterdam»",
        "«Oude Rijksweg 17»",
        "«Meir 50, 2000 Antwerpen»",
    ],
    ("nl", "iban"): ["rekening «NL20INGB0001234567»"],
}

HELD_OUT = tuple(
    _labelled(language, kind, marked)
    for (language, kind), texts in _HELD_OUT.items()
    for marked in texts
)

ORDINARY_HELD_OUT = (
    "The zipper broke after 2 washes, size M (38-40), colour 0123.",
    "Kettle 17/B leaks 250 ml per day, bought 3 of them.",
    "Ordered 2024-11-03, delivered 2024-11-08 10:15-10:45, box 3/4 missing.",
    "Battery lasts 45 min instead of 120 min; charger 65 W 19.5 V 3.42 A.",
    "Invoice 2024/001234 shows 1 234,56 instead of 1 134,56.",
    "Part number 9001-234-567 does not fit, part 9001-234-568 does.",
    "The 5 star rating is wrong, 2 of 5 at best.",
    "Firmware 10.2.3.4567 made it worse.",
    "GTIN 04012345678901 printed, real one is 04012345678918.",
    "MAC 00:1A:2B:3C:4D:5E not found in the app.",
    "Weight 12,5 kg not 10,0 kg as said on page 45.",
    "It took 3 calls and 14 days to get an answer.",
    "I called 5 times since 01/11/2025, no answer.",
    "Your call center made me wait 45 minutes on 12.11.",
    "Screen 15.6 inch 1920x1080 flickers at 60 Hz.",
    "Room 12 Floor 3, the lamp fell.",
    "Bought 2 packs 500 g each, 1 pack had 430 g.",
    "Lot 0412 2025 11, expiry 04/2027.",
    "Los-Nr. 20251103 ist aufgequollen.",
    "Charge 4711 0815 12 riecht komisch.",
    "Modell 0815-4711 hat Risse, Baujahr 2023.",
    "Artikelnummer 012 345 678 9 passt nicht.",
    "Am 03.11. um 17:30 Uhr ist der Akku explodiert.",
    "Die Naht ist 3 cm lang, Größe 104/110.",
    "Der Weg 3 zum Menü ist falsch beschrieben.",
    "Das Gerät zeigt Fehler E-12 0034 an.",
    "PIN 1234 geht nicht, Code 998877 auch nicht.",
    "Meine Kundennummer 1020304050 ist falsch hinterlegt.",
    "Sendungsnummer 1234 5678 9012 kam nicht an.",
    "Rechnung 4002 vom 5. Mai über 129,90 Euro.",
    "Le colis 6A12345678901 est arrivé ouvert.",
    "Facture 2025-11-0456, 3 articles sur 5.",
    "Température de 180 °C pendant 45 minutes.",
    "Taille 38/40, coloris 204, 2 cm trop court.",
    "Il manque 4 vis M6 et 2 chevilles de 8 mm.",
    "3 cours de yoga inclus, 1 seul reçu.",
    "La place 12 du train ne marche pas... non, la route 66 est un jeu.",
    "El pedido 405-1234567-8901234 llegó abierto.",
    "Talla 42, 3 cm más pequeña, lote 25A117.",
    "La plaza de garaje 12 no cabe.",
    "Cuesta 1.299,00 € y dura 6 meses.",
    "Temperatura 200 grados 15 minutos.",
    "Camino 10 km y se rompe la suela.",
    "Il lotto 25/0317 perde 3 gocce al minuto.",
    "Codice articolo 8001234567890, 12 pezzi.",
    "Misura 120x60, altezza 75 cm.",
    "Via libera dopo 3 giorni, poi rotto.",
    "Corso base 2 settimane, poi 3 errori.",
    "Maat 104/110, 3 cm te kort.",
    "Bestelnummer 1234567890, 2 stuks kapot.",
    "Na 3 weken op 05-11-2025 lekte hij 200 ml.",
    "Onderweg 2 keer gevallen, nog heel.",
    "Versie 3.1.4 werkt, 3.1.5 niet.",
    "SKU 100-200-3000 arrived instead of 100-200-3001.",
    "Error code 0x80070057, line 1024 42 7.",
    "Score 555-123: level 4, 120 000 points.",
    "10 000 000 hours MTBF is a lie.",
    "The Red Lane 3 game freezes at level 12.",
    "IMEI 490154203237518 is not accepted.",
    "Spare part 12345 Black, 23456 White.",
    "Item 12345 Blue Chair had 3 legs",
    "2 Oak Chairs and 1 Elm Table, one broken",
    "Box 5 of 12, pallet 3",
    "Article 10115 Kabel fehlt",
    "In 20123 Tests bestanden, steht da.",
)
"""More ordinary complaints, used only to measure."""
