"""The words that refuse messages together, by language: none of them says it alone."""

# A phrase of the following, and nothing else, refuses messages: a word for stopping with what is
# stopped, in either order ("Stop promotions", "Werbung abbestellen", "sluta skicka"), or a "no"
# and a "more" with what there shall be no more of ("keine Angebote mehr", "nie pisz więcej").
STOPPING_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        *("off",),
        *("stop", "stopping", "end", "quit", "cancel", "revoke", "remove", "unsubscribe"),
        *("optout", "block", "mute", "disable", "deactivate", "pause", "silence"),
    ),
    "de": (
        *("aus",),
        *("stopp", "stoppen", "stoppt", "abmelden", "abbestellen", "abbestelle", "austragen"),
        *("beenden", "abbrechen", "widerrufen", "kündigen", "deaktivieren", "ausschalten"),
        *("abschalten", "blockieren", "stummschalten", "aufhören", "unterlassen", "einstellen"),
    ),
    "fr": (
        *("arrêt", "arrête", "arrêtez", "arrêter", "désabonner", "désinscrire", "désinscription"),
        *("annuler", "résilier", "désactiver", "désactivez", "bloquer", "bloquez", "stopper"),
        *("cesser", "cessez", "supprimer"),
    ),
    "es": (
        *("parar", "baja", "alto", "detener", "detén", "desuscribir", "cancelar"),
        *("cancela", "desactivar", "desactiva", "bloquear", "silenciar", "anular"),
        "eliminar",
    ),
    "it": (
        *("basta", "disiscrivi", "disdici", "annulla", "cancella", "ferma", "fermare"),
        *("interrompi", "interrompere", "disattiva", "disattivare", "blocca", "bloccare"),
        *("sospendi", "rimuovi", "smetti", "smettete", "smettila", "silenzia"),
    ),
    "pt": (
        *("pare", "parem", "parar", "descadastrar", "cancelar", "cancele", "remover", "sair"),
        *("desativar", "desative", "bloquear", "interromper", "encerrar", "silenciar", "chega"),
    ),
    "nl": (
        *("afmelden", "uitschrijven", "stoppen", "stopzetten", "opzeggen", "annuleren"),
        *("uitschakelen", "uitzetten", "blokkeren", "beëindigen", "dempen"),
    ),
    "sv": (
        *("stoppa", "avregistrera", "avanmäl", "avprenumerera", "avsluta", "sluta", "avbryt"),
        *("blockera", "inaktivera", "pausa"),
    ),
    "da": (
        *("afmeld", "frameld", "afslut", "annuller", "stands", "bloker", "deaktiver", "sluk"),
        "opsig",
    ),
    "no": (
        *("avmeld", "avslutt", "slutt", "avbryt", "stans", "blokker", "deaktiver", "stopp"),
        *("stoppe", "fjern"),
    ),
    "pl": (
        *("zatrzymaj", "zatrzymać", "zakończ", "zakończyć", "anuluj", "wyłącz", "wyłączyć"),
        *("zablokuj", "wypisz", "rezygnuję", "rezygnacja", "zrezygnuj", "przestań"),
        *("przestańcie", "wstrzymaj", "usuń", "wycisz"),
    ),
}
MESSAGE_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        *("promotion", "promotions", "promotional", "promo", "promos", "offer", "offers"),
        *("marketing", "advertising", "advertisement", "advertisements", "ad", "ads", "adverts"),
        *("deals", "newsletter", "newsletters", "news", "updates", "alerts", "notifications"),
        *("reminders", "spam", "message", "messages", "text", "texts", "sms", "whatsapp"),
        *("mail", "mails", "email", "emails", "mailings", "campaigns", "subscription"),
        "all",
    ),
    "de": (
        *("werbung", "werbenachrichten", "werbe", "angebot", "angebote", "aktionen", "rabatte"),
        *("nachricht", "nachrichten", "benachrichtigungen", "mitteilungen", "neuigkeiten"),
        *("infos", "abo", "alle", "mitteilung", "werbeangebote"),
    ),
    "fr": (
        *("promotions", "promos", "promo", "offre", "offres", "publicité", "publicités", "pub"),
        *("pubs", "message", "messages", "notifications", "actualités", "nouveautés"),
        *("textos", "tous", "abonnement"),
    ),
    "es": (
        *("promoción", "promociones", "oferta", "ofertas", "publicidad", "anuncios", "mensaje"),
        *("mensajes", "notificaciones", "avisos", "novedades", "boletín", "suscripción"),
    ),
    "it": (
        *("promozione", "promozioni", "offerta", "offerte", "pubblicità", "annunci", "messaggio"),
        *("messaggi", "notifiche", "avvisi", "novità", "comunicazioni", "iscrizione"),
    ),
    "pt": (
        *("promoção", "promoções", "oferta", "ofertas", "publicidade", "propaganda"),
        *("propagandas", "anúncios", "mensagem", "mensagens", "notificações", "avisos"),
        *("novidades", "inscrição", "subscrição"),
    ),
    "nl": (
        *("promotie", "promoties", "aanbieding", "aanbiedingen", "reclame", "advertenties"),
        *("bericht", "berichten", "meldingen", "nieuws", "nieuwsbrief", "acties"),
    ),
    "sv": (
        *("reklam", "reklamen", "erbjudande", "erbjudanden", "kampanjer", "meddelande"),
        *("meddelanden", "aviseringar", "notiser", "nyheter", "nyhetsbrev", "utskick"),
    ),
    "da": (
        *("reklame", "reklamer", "tilbud", "kampagner", "besked", "beskeder", "meddelelser"),
        *("notifikationer", "nyheder", "nyhedsbrev", "markedsføring"),
    ),
    "no": (
        *("reklame", "tilbud", "kampanjer", "melding", "meldinger", "varsler", "nyheter"),
        *("nyhetsbrev", "markedsføring"),
    ),
    "pl": (
        *("promocja", "promocje", "promocji", "oferta", "oferty", "ofert", "reklama", "reklamy"),
        *("reklam", "wiadomość", "wiadomości", "powiadomienia", "powiadomień", "smsy", "smsów"),
        *("spamu", "subskrypcja", "subskrypcję", "newslettera"),
    ),
}
# What somebody does who sends, or gets, messages.
WRITING_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        *("send", "sending", "texting", "write", "writing", "messaging", "contact"),
        *("contacting", "receive", "receiving", "spamming"),
    ),
    "de": (
        *("schreiben", "schreib", "schreibt", "schicken", "schick", "schickt", "senden"),
        *("sende", "sendet", "kontaktieren", "erhalten", "bekommen", "zusenden", "anschreiben"),
    ),
    "fr": (
        *("recevoir", "envoyer", "envoyez", "écrire", "écrivez", "écris", "contacter"),
        *("contactez", "envoie"),
    ),
    "es": (
        *(
            "escriba",
            "escribas",
            "escríbanme",
            "mandes",
            "envíes",
            "envíe",
        ),
        *("recibir", "enviar", "envíen", "enviarme", "escribir", "escriban", "escribirme"),
        *("mandar", "manden", "mandarme", "contactar", "contacten"),
    ),
    "it": (
        *(
            "scrivetemi",
            "mandatemi",
            "inviatemi",
        ),
        *("ricevere", "inviare", "inviarmi", "inviate", "scrivere", "scrivermi", "scrivete"),
        *("mandare", "mandarmi", "mandate", "contattarmi", "contattate"),
    ),
    "pt": (
        *("receber", "enviar", "envie", "enviem", "escrever", "escrevam", "mandar", "mande"),
        *("mandem", "contactar", "contatar"),
    ),
    "nl": ("ontvangen", "sturen", "stuur", "schrijven", "schrijf", "appen", "versturen"),
    "sv": ("skicka", "skriva", "skriv", "kontakta", "få", "smsa"),
    "da": ("sende", "send", "sender", "skrive", "skriv", "skriver", "kontakt", "modtage", "få"),
    "no": ("sende", "send", "sender", "skrive", "skriv", "kontakt", "motta", "få"),
    "pl": (
        *("pisz", "piszcie", "pisać", "wysyłaj", "wysyłajcie", "wysyłać", "wysyłania"),
        *("otrzymywać", "dostawać", "kontaktować"),
    ),
}
NO_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("no", "not", "don’t", "dont", "never"),
    "de": ("ohne", "keinerlei", "kein", "keine", "keinen", "nicht", "nie"),
    "fr": ("sans", "ne", "pas", "aucun", "aucune", "jamais"),
    "es": ("sin", "no", "ninguna", "ningún", "nunca"),
    "it": ("senza", "non", "niente", "nessuna", "nessun", "mai"),
    "pt": ("sem", "não", "nenhuma", "nunca"),
    "nl": ("zonder", "geen", "niet", "nooit"),
    "sv": ("utan", "inga", "ingen", "inte", "aldrig"),
    "da": ("uden", "ingen", "ikke", "aldrig"),
    "no": ("uten", "ingen", "ikke", "aldri"),
    "pl": ("bez", "nie", "żadnych", "nigdy"),
}
MORE_WORDS: dict[str, tuple[str, ...]] = {
    "en": ("more", "anymore", "longer", "further", "again"),
    "de": ("mehr", "weitere", "weiteren"),
    "fr": ("plus", "davantage"),
    "es": ("más",),
    "it": ("più",),
    "pt": ("mais",),
    "nl": ("meer",),
    "sv": ("mer", "mera", "fler", "längre"),
    "da": ("mere", "flere", "længere"),
    "no": ("mer", "flere", "lenger"),
    "pl": ("więcej", "już"),
}
# What else stands in such a phrase without a meaning of its own.
LINKING_WORDS: dict[str, tuple[str, ...]] = {
    "en": (
        *(
            "turn",
            "switch",
        ),
        *("the", "your", "these", "this", "those", "from", "to", "with", "do", "want", "me"),
        *("my", "us", "t", "please"),
    ),
    "de": (
        *("die", "diese", "ihre", "eure", "deine", "von", "vom", "mit", "zu", "den", "bitte"),
        *("ich", "will", "möchte", "mir", "mich", "mehr", "auf", "sie", "ihr"),
    ),
    "fr": (
        *("les", "vos", "tes", "des", "de", "la", "le", "ces", "d", "l", "me", "m", "je", "n"),
        *("veux", "souhaite", "à"),
    ),
    "es": ("las", "los", "sus", "tus", "de", "la", "el", "estos", "estas", "me", "quiero", "con"),
    "it": ("le", "i", "gli", "di", "la", "le", "questi", "queste", "mi", "voglio", "con", "le"),
    "pt": ("as", "os", "de", "suas", "seus", "a", "o", "me", "quero", "essas", "com"),
    "nl": ("de", "jullie", "van", "met", "deze", "ik", "wil", "mij", "me", "het"),
    "sv": ("alla", "era", "från", "av", "dessa", "jag", "vill", "ha", "mig", "med", "att"),
    "da": ("jeres", "fra", "af", "disse", "jeg", "vil", "have", "mig", "med", "at", "op", "til"),
    "no": ("alle", "deres", "fra", "av", "disse", "jeg", "vil", "ha", "meg", "med", "å", "til"),
    "pl": ("wszystkie", "wasze", "te", "od", "z", "chcę", "mi", "do", "mnie"),
}
# Worth a person's look, and no more.
HINTS: dict[str, tuple[str, ...]] = {
    "en": (
        "do not disturb",
        "not interested",
        "no longer interested",
        "who is this",
        "lose my number",
        "go away",
    ),
    "de": (
        "lass mich in ruhe",
        "lasst mich in ruhe",
        "kein interesse",
        "nicht interessiert",
        "in ruhe lassen",
        "lassen sie mich in ruhe",
    ),
    "fr": (
        "plus de pub",
        "plus de publicité",
        "plus de promotions",
        "plus d’offres",
        "pas intéressé",
        "pas intéressée",
        "laissez-moi tranquille",
    ),
    "es": ("no me interesa", "no estoy interesado", "no estoy interesada", "déjenme en paz"),
    "it": ("non sono interessato", "non sono interessata", "non mi interessa"),
    "pt": ("não tenho interesse", "não estou interessado", "não estou interessada"),
    "nl": ("geen interesse", "geen belangstelling", "niet geïnteresseerd", "laat me met rust"),
    "sv": ("inte intresserad", "lämna mig ifred"),
    "da": ("ikke interesseret", "lad mig være"),
    "no": ("ikke interessert", "la meg være"),
    "pl": ("nie jestem zainteresowany", "nie jestem zainteresowana", "dajcie mi spokój"),
}

# A wish, and the words that say the same without it.
WISHES = {
    "i do not want": "no more",
    "i don’t want": "no more",
    "i dont want": "no more",
    "i do not wish": "no more",
    "i no longer want": "no more",
    "i want to": "",
    "i want": "",
    "i would like to": "",
    "i would like": "",
    "i’d like": "",
    "ich möchte": "",
    "ich will": "",
    "je veux": "",
    "je souhaite": "",
    "quiero": "",
    "voglio": "",
    "vorrei": "",
    "quero": "",
    "ik wil": "",
    "jag vill": "",
    "jeg vil": "",
    "chcę się": "",
    "chcę": "",
}
