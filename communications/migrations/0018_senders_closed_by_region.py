"""A sender may be closed for the numbers of one country alone."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('communications', '0017_conversations_by_their_mails'),
    ]

    operations = [
        migrations.AddField(
            model_name='senderstanding',
            name='region',
            field=models.CharField(blank=True, db_default='', default='', max_length=2),
        ),
        migrations.AddConstraint(
            model_name='senderstanding',
            constraint=models.UniqueConstraint(fields=('organization', 'provider', 'sender', 'region'), name='sender_stands_once_by_region'),
        ),
        migrations.RemoveConstraint(
            model_name='senderstanding',
            name='sender_stands_once',
        ),
    ]
