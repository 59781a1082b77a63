from django.db import migrations

from communications.vocabulary import (search_keys, personal_names,)

BATCH = 1_000


def fill(apps, schema_editor):
    Contact = apps.get_model("communications", "Contact")
    Address = apps.get_model("communications", "Address")
    contacts = Contact.objects.filter(search="").prefetch_related("addresses").order_by("pk")
    last = 0
    while batch := list(contacts.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        addresses = []
        for contact in batch:
            rows = sorted(contact.addresses.all(), key=lambda address: address.pk)
            contact.search = search_keys.search_key([contact.name], [address.value for address in rows])
            contact.sounds = personal_names.name_sounds(contact.name)
            channels = set()
            for row in rows:
                # The first was the one that was written to.
                row.is_primary = row.channel not in channels
                channels.add(row.channel)
                row.hint = search_keys.address_hint(row.value)
            addresses += rows
        Contact.objects.bulk_update(batch, ["search", "sounds"])
        Address.objects.bulk_update(addresses, ["is_primary", "hint"])


class Migration(migrations.Migration):

    dependencies = [("communications", "0004_the_address_book")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
