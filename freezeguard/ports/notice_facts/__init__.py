"""What each kind of notice says, as plain JSON.

Facts are stored in the transaction of the change that they report and worded only when the notice
is sent, in the language and the time zone of its reader. Times are RFC 3339 text with an offset;
numbers are JSON numbers, money is text. Facts stored by an older version must still be worded by a
newer one, so a field that is added later is `NotRequired`.

Where a field holds a code (`step`, `family`, `reason_code`, `missing`, …) the reader sees the words
of his language; a code that the language does not know is shown as it stands. Facts never hold a
customer or an order: what a vendor may see of complaints are sums and masked excerpts.
"""
