"""What made-up users are made of."""

from __future__ import annotations

__all__ = ["CITIES", "DOMAINS", "FIRST_NAMES", "LAST_NAMES", "ROLES", "STREETS", "TAGS"]

FIRST_NAMES = tuple(
    """
    Ada Adam Aiko Alice Amara Ana Anna Arjun Astrid Ben Björn Carla Carlos Chen Chloé Clara Daniel
    David Diego Elena Elif Emil Emma Eric Eva Fatima Felix Femi Finn Freya Gabriel Grace Hana Hannah
    Hiro Ida Ines Ingrid Isabel Ivan Jakob James Jana Javier João Jonas José Julia Kai Karim Kenji
    Lara Laura Leila Léo Lina Linh Lucas Łukasz Luna Maja Marco Maria Mateo Max Maya Mei Mia Mila
    Mohammed Nadia Naomi Nina Noah Noor Olga Oliver Omar Oskar Paul Pedro Petra Priya Quinn Rafael
    Raj Rosa Ruth Sam Samira Sara Sofia Søren Sven Tara Theo Thomas Tim Uma Valeria Vera Victor Wei
    Xavier Yara Yuki Yusuf Zoë Zuzana
    """.split()  # noqa: SIM905 - a name a line says no more
)

LAST_NAMES = tuple(
    """
    Abe Ahmed Ali Almeida Andersen Bakker Bauer Becker Bernard Brown Castro Chen Costa Cruz Davies
    Diaz Dubois Eriksson Evans Fernández Fischer Fontaine Garcia Green Gruber Haddad Hansen Harris
    Hernández Hoffmann Huang Hughes Ito Ivanov Jackson Jansen Jensen Johnson Kaya Keller Khan Kim
    Klein Kowalski Kumar Larsen Laurent Lee Lewis Li Lopez Martin Martínez Mensah Meyer Moreau
    Moreno Müller Murphy Nakamura Ng Nguyen Nielsen Novak Nowak O'Brien Okafor Olsen Park Patel
    Pereira Petrov Popov Ramos Ricci Robinson Rossi Roux Sánchez Santos Sato Schmidt Schneider Silva
    Singh Smith Soto Suzuki Svensson Tanaka Taylor Thomas Torres Tran Turner Ueda Vargas Virtanen
    Wagner Walker Wang Weber White Wilson Wright Yamamoto Yilmaz Young Zhang Zimmermann
    """.split()  # noqa: SIM905 - a name a line says no more
)

CITIES = (
    ("Amsterdam", "NL"),
    ("Athens", "GR"),
    ("Auckland", "NZ"),
    ("Bangkok", "TH"),
    ("Barcelona", "ES"),
    ("Berlin", "DE"),
    ("Bogotá", "CO"),
    ("Boston", "US"),
    ("Brussels", "BE"),
    ("Buenos Aires", "AR"),
    ("Cairo", "EG"),
    ("Cape Town", "ZA"),
    ("Chennai", "IN"),
    ("Chicago", "US"),
    ("Copenhagen", "DK"),
    ("Dublin", "IE"),
    ("Hanoi", "VN"),
    ("Helsinki", "FI"),
    ("Istanbul", "TR"),
    ("Jakarta", "ID"),
    ("Kraków", "PL"),
    ("Kyoto", "JP"),
    ("Lagos", "NG"),
    ("Lima", "PE"),
    ("Lisbon", "PT"),
    ("London", "GB"),
    ("Lyon", "FR"),
    ("Manila", "PH"),
    ("Melbourne", "AU"),
    ("Mexico City", "MX"),
    ("Milan", "IT"),
    ("Montréal", "CA"),
    ("Mumbai", "IN"),
    ("München", "DE"),
    ("Nairobi", "KE"),
    ("New York", "US"),
    ("Osaka", "JP"),
    ("Oslo", "NO"),
    ("Paris", "FR"),
    ("Porto", "PT"),
    ("Prague", "CZ"),
    ("Reykjavík", "IS"),
    ("Rome", "IT"),
    ("Santiago", "CL"),
    ("São Paulo", "BR"),
    ("Seattle", "US"),
    ("Seoul", "KR"),
    ("Singapore", "SG"),
    ("Stockholm", "SE"),
    ("Sydney", "AU"),
    ("Taipei", "TW"),
    ("Tallinn", "EE"),
    ("Tel Aviv", "IL"),
    ("Tokyo", "JP"),
    ("Toronto", "CA"),
    ("Vienna", "AT"),
    ("Warsaw", "PL"),
    ("Zagreb", "HR"),
    ("Zürich", "CH"),
)

STREETS = (
    "Acacia Avenue",
    "Bridge Street",
    "Cedar Lane",
    "Church Road",
    "Garden Way",
    "Harbour Street",
    "High Street",
    "Hill Road",
    "King Street",
    "Lake View",
    "Long Lane",
    "Main Street",
    "Market Square",
    "Mill Road",
    "Oak Avenue",
    "Old Post Road",
    "Orchard Close",
    "Park Lane",
    "Queen Street",
    "River Walk",
    "School Lane",
    "Station Road",
    "Victoria Road",
    "Willow Drive",
)

DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "users.example")

ROLES = ("admin", "analyst", "author", "billing", "editor", "guest", "support", "viewer")

TAGS = ("beta", "churned", "early-bird", "family", "mobile", "newsletter", "partner", "vip")
