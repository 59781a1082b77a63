"""Conversations are found by the ids of mails, by who wants answers, and by what they continue.

By itself and outside a transaction: nobody waits for the largest table meanwhile.
"""

from django.db import migrations, models

from wedsync_comms.lib.database.online_indexes import AddIndexOnline


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('communications', '0016_senders_that_are_busy'),
    ]

    operations = [
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('internet_message_id', ''), _negated=True), fields=['organization', 'internet_message_id'], name='message_by_internet_id'),
        ),
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('direction', 'inbound'), models.Q(('reply_to', ''), _negated=True)), fields=['organization', 'reply_to'], name='message_answer_wanted_at'),
        ),
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('in_reply_to__isnull', False)), fields=['in_reply_to'], name='message_answered'),
        ),
        AddIndexOnline(
            model_name='message',
            index=models.Index(condition=models.Q(('thread__isnull', False)), fields=['thread', '-created_at'], name='message_continued_thread'),
        ),
    ]
