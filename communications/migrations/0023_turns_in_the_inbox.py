"""Who takes turns with a delivery in the inbox; the previous release's deliveries share one."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('communications', '0022_indexes_of_retention'),
    ]

    operations = [
        migrations.AddField(
            model_name='webhookdelivery',
            name='fairness_key',
            field=models.CharField(blank=True, db_default='', default='', max_length=120),
        ),
    ]
