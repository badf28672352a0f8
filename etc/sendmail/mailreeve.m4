dnl Mailreeve for Sendmail: include this in sendmail.mc, behind the other INPUT_MAIL_FILTER lines or before them, and
dnl rebuild sendmail.cf. F=T puts mail off while mailreeved is away; without any F= mail would pass unchecked. T= are the
dnl times to connect, to send, to wait for an answer, and to wait for the one at the end of a message.
INPUT_MAIL_FILTER(`mailreeve', `S=local:/run/mailreeve/milter.sock, F=T, T=C:30s;S:10s;R:10s;E:1m')dnl
