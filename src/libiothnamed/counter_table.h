/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The counters of a worker, one row each; a new counter is a row here and a call of count() where it happens.
 * iothnamedctl(8), OpenMetrics and iothnamed_stats are made of these rows.
 *
 *   COUNTER(MEMBER, FAMILY, LABELS, HELP)         a number that only grows
 *   GAUGE(MEMBER, FAMILY, LABELS, HELP)           a number that goes up and down
 *   COUNTERS(MEMBER, LENGTH, FAMILY, VALUE, HELP) an array of counters; VALUE, a function of counters.h, says what
 *                                                 an index is called: the label is the family's, see there
 *
 * Rows of one family stand together and share the first one's HELP. LABELS as OpenMetrics writes them.
 */
COUNTER(udp_queries, "queries", "transport=\"udp\"", "Questions received, well-formed or not")
COUNTER(tcp_queries, "queries", "transport=\"tcp\"", "")
COUNTER(replies, "replies", "", "Replies sent")
COUNTER(dropped, "dropped", "",
        "Questions without a reply: malformed beyond one, over the rate limit, or no room to send")
COUNTER(rrl_dropped, "rate_limited", "answer=\"none\"", "Questions over the rate limit of their network")
COUNTER(rrl_slipped, "rate_limited", "answer=\"truncated\"", "")
COUNTER(malformed, "malformed", "",
        "Messages that are no well-formed questions, answered by FORMERR or not at all")
COUNTERS(responses, RCODE_SLOTS, "responses", rcode, "Answers made, by response code")
COUNTERS(answers, SOURCE_SLOTS, "answers", source, "Answers made, by the type of rule that gave them")
COUNTER(forwarded, "forwarded", "", "Questions that waited for upstream")
COUNTER(failed, "forward_failures", "", "Questions to upstream that brought no answer")
COUNTER(stale, "stale_answers", "", "Expired answers given since upstream was silent or failed")
COUNTER(refreshed, "prefetches", "", "Cached answers renewed before their end")
COUNTER(looped, "loops", "", "Questions of this server that came back to it")
COUNTER(tcp_connections, "tcp_connections", "", "TCP connections taken")
GAUGE(tcp_open, "tcp_connections_open", "", "TCP connections now")
COUNTER(tcp_refused, "tcp_refused", "",
        "TCP connections closed at once: no rule serves the client, or it has too many")
