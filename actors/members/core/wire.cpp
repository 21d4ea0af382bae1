#include "actors/members/core/wire.hpp"
#include "runtime/base/msgpack_message.hpp"
#include <algorithm>

namespace actord::members {

constexpr attr bytes{.bytes = true};

template <class V, message_of<leave_intent> M> void describe(V&& v, M& m) {
  v("LTime", m.time);
  v("Node", m.node);
  v("Prune", m.prune);
}
template <class V, message_of<join_intent> M> void describe(V&& v, M& m) {
  v("LTime", m.time);
  v("Node", m.node);
}
template <class V, message_of<user_event> M> void describe(V&& v, M& m) {
  v("CC", m.coalesce);
  v("LTime", m.time);
  v("Name", m.name);
  v("Payload", m.payload, bytes);
}
template <class V, message_of<query> M> void describe(V&& v, M& m) {
  v("Addr", m.at.ip, bytes);
  v("Filters", m.filters, bytes);
  v("Flags", m.flags);
  v("ID", m.id);
  v("LTime", m.time);
  v("Name", m.name);
  v("Payload", m.payload, bytes);
  v("Port", m.at.port);
  v("RelayFactor", m.relay_factor);
  v("SourceNode", m.source);
  v("Timeout", m.timeout_ns);
}
template <class V, message_of<query_response> M> void describe(V&& v, M& m) {
  v("Flags", m.flags);
  v("From", m.from);
  v("ID", m.id);
  v("LTime", m.time);
  v("Payload", m.payload, bytes);
}

struct relay_address {
  std::string ip;
  uint16_t port = 0;
  std::string zone;
};
template <class V, message_of<relay_address> M> void describe(V&& v, M& m) {
  v("IP", m.ip, bytes);
  v("Port", m.port);
  v("Zone", m.zone);
}
struct relay_header {
  relay_address to;
  node_name node;
};
template <class V, message_of<relay_header> M> void describe(V&& v, M& m) {
  v("DestAddr", m.to);
  v("DestName", m.node);
}

template <class V, message_of<recent_event> M> void describe(V&& v, M& m) {
  v("Name", m.name);
  v("Payload", m.payload, bytes);
}
template <class V, message_of<recent_events> M> void describe(V&& v, M& m) {
  v("Events", m.events);
  v("LTime", m.time);
}

// On the wire the events are a ring of event_slots places, nil where there are none.
struct event_ring {
  std::vector<recent_events> slots;
  void encode_msgpack(std::string& out) const {
    std::vector<const recent_events*> places(event_slots, nullptr);
    for (const auto& s : slots) places[s.time % event_slots] = &s;
    msgpack_writer w(out);
    w.array(places.size());
    for (const auto* p : places) p == nullptr ? w.nil() : encode_message(out, *p);
  }
  void decode_msgpack(msgpack_reader& r) {
    slots.clear();
    auto n = r.array();
    if (n > message_list_limit) return r.fail();
    for (; n > 0 && r.ok(); --n)
      if (!r.take_nil()) decode_message(r, slots.emplace_back());
  }
};
struct state_on_wire {
  lamport_time event_time = 0, member_time = 0, query_time = 0;
  event_ring events;
  std::vector<std::string> left;
  std::map<std::string, lamport_time> status_times;
};
template <class V, message_of<state_on_wire> M> void describe(V&& v, M& m) {
  v("EventLTime", m.event_time);
  v("Events", m.events);
  v("LTime", m.member_time);
  v("LeftMembers", m.left);
  v("QueryLTime", m.query_time);
  v("StatusLTimes", m.status_times);
}

template <class V, message_of<tag_filter> M> void describe(V&& v, M& m) {
  v("Expr", m.expression);
  v("Tag", m.tag);
}
struct key_request {
  std::string key;
};
template <class V, message_of<key_request> M> void describe(V&& v, M& m) { v("Key", m.key); }
template <class V, message_of<key_response> M> void describe(V&& v, M& m) {
  v("Keys", m.keys);
  v("Message", m.why);
  v("PrimaryKey", m.primary);
  v("Result", m.ok);
}
template <class V, message_of<member> M> void describe(V&& v, M& m) {
  v("Addr", m.at.ip, bytes);
  v("DelegateCur", m.vsn[5]);
  v("DelegateMax", m.vsn[4]);
  v("DelegateMin", m.vsn[3]);
  v("Name", m.name);
  v("Port", m.at.port);
  v("ProtocolCur", m.vsn[2]);
  v("ProtocolMax", m.vsn[1]);
  v("ProtocolMin", m.vsn[0]);
  v("Status", m.status);
  v("Tags", m.tags);
}

namespace {

constexpr char tags_magic = '\xff';

error corrupt(std::string what) { return error(errc::corrupt, "serf: " + std::move(what)); }

bool sane_name(const node_name& n) { return !n.empty() && n.size() <= name_limit; }
bool sane_ip(const std::string& ip) { return ip.size() == 4 || ip.size() == 16; }
bool sane(const leave_intent& m) { return sane_name(m.node) && m.time < time_limit; }
bool sane(const join_intent& m) { return sane_name(m.node) && m.time < time_limit; }
bool sane(const user_event& m) { return m.name.size() + m.payload.size() <= event_limit && m.time < time_limit; }
bool sane(const query& m) {
  return m.source.size() <= name_limit && sane_ip(m.at.ip) && m.filters.size() <= filters_limit && m.time < time_limit;
}
bool sane(const query_response& m) { return sane_name(m.from) && m.time < time_limit; }

template <class M> std::string tagged(serf_tag tag, const M& m) {
  std::string out(1, static_cast<char>(tag));
  encode_message(out, m);
  return out;
}
template <class M> bool decode_map(std::string_view in, M& m) {
  msgpack_reader r(in);
  decode_message(r, m);
  return r.ok();
}
template <class M> bool decode_tagged(serf_tag tag, std::string_view in, M& m) {
  return !in.empty() && in.front() == static_cast<char>(tag) && decode_map(in.substr(1), m);
}
template <class M> result<serf_message> decode_as(std::string_view body, const char* name) {
  M m;
  if (!decode_map(body, m)) return corrupt(std::string("malformed ") + name);
  if (!sane(m)) return corrupt(std::string("impossible ") + name);
  return serf_message(std::move(m));
}

result<serf_message> decode_relay(std::string_view body) {
  msgpack_reader r(body);
  relay_header h;
  decode_message(r, h);
  if (!r.ok()) return corrupt("malformed relay");
  if (!sane_ip(h.to.ip) || h.node.size() > name_limit) return corrupt("impossible relay");
  relay m{{std::move(h.to.ip), h.to.port}, std::move(h.to.zone), std::move(h.node), std::string(r.position(), r.remaining())};
  if (m.inner.empty()) return corrupt("a relay of nothing");
  return serf_message(std::move(m));
}

} // namespace

std::string encode(const serf_message& m) {
  struct {
    std::string operator()(const leave_intent& x) const { return tagged(serf_tag::leave, x); }
    std::string operator()(const join_intent& x) const { return tagged(serf_tag::join, x); }
    std::string operator()(const user_event& x) const { return tagged(serf_tag::user_event, x); }
    std::string operator()(const query& x) const { return tagged(serf_tag::query, x); }
    std::string operator()(const query_response& x) const { return tagged(serf_tag::query_response, x); }
    std::string operator()(const relay& x) const {
      return tagged(serf_tag::relay, relay_header{{x.to.ip, x.to.port, x.zone}, x.node}) + x.inner;
    }
  } encoder;
  return std::visit(encoder, m);
}

result<serf_message> decode(std::string_view in) {
  if (in.empty()) return corrupt("an empty message");
  const auto body = in.substr(1);
  switch (static_cast<serf_tag>(in.front())) {
  case serf_tag::leave: return decode_as<leave_intent>(body, "leave intent");
  case serf_tag::join: return decode_as<join_intent>(body, "join intent");
  case serf_tag::user_event: return decode_as<user_event>(body, "user event");
  case serf_tag::query: return decode_as<query>(body, "query");
  case serf_tag::query_response: return decode_as<query_response>(body, "query response");
  case serf_tag::relay: return decode_relay(body);
  default: break;
  }
  return error(errc::unsupported, "serf: message of type " + std::to_string(static_cast<unsigned char>(in.front())));
}

std::string encode_state(const pool_state& s) {
  return tagged(serf_tag::push_pull, state_on_wire{s.event_time, s.member_time, s.query_time, {s.events}, s.left, s.status_times});
}

result<pool_state> decode_state(std::string_view in) {
  state_on_wire w;
  if (!decode_tagged(serf_tag::push_pull, in, w)) return corrupt("malformed push/pull state");
  if (w.event_time >= time_limit || w.member_time >= time_limit || w.query_time >= time_limit)
    return corrupt("impossible push/pull state");
  std::erase_if(w.status_times, [](const auto& e) { return !sane_name(e.first) || e.second >= time_limit; });
  std::erase_if(w.left, [](const auto& name) { return !sane_name(name); });
  std::erase_if(w.events.slots, [](const auto& s) { return s.time >= time_limit; });
  for (auto& s : w.events.slots)
    std::erase_if(s.events, [](const auto& e) { return e.name.size() + e.payload.size() > event_limit; });
  return pool_state{w.member_time, w.event_time, w.query_time, std::move(w.status_times), std::move(w.left), std::move(w.events.slots)};
}

result<std::string> encode_tags(const tag_table& tags) {
  std::string out(1, tags_magic);
  encode_message_value(out, tags);
  if (out.size() > meta_limit)
    return error(errc::bad_request, "Encoded length of tags exceeds limit of " + std::to_string(meta_limit) + " bytes");
  return out;
}

tag_table decode_tags(std::string_view meta) {
  if (meta.empty() || meta.front() != tags_magic) return {{"role", std::string(meta)}};
  tag_table tags;
  msgpack_reader r(meta.substr(1));
  decode_message_value(r, tags);
  return r.ok() ? tags : tag_table{};
}

std::string encode_filter(const filter& f) {
  if (const auto* n = std::get_if<node_filter>(&f)) {
    std::string out(1, static_cast<char>(filter_tag::node));
    encode_message_value(out, n->names);
    return out;
  }
  std::string out(1, static_cast<char>(filter_tag::tag));
  encode_message(out, std::get<tag_filter>(f));
  return out;
}

result<filter> decode_filter(std::string_view in) {
  if (in.empty()) return corrupt("an empty filter");
  msgpack_reader r(in.substr(1));
  filter out;
  if (in.front() == static_cast<char>(filter_tag::node)) {
    node_filter n;
    decode_message_value(r, n.names);
    out = std::move(n);
  } else if (in.front() == static_cast<char>(filter_tag::tag)) {
    tag_filter t;
    decode_message(r, t);
    out = std::move(t);
  } else {
    return error(errc::unsupported, "serf: filter of type " + std::to_string(static_cast<unsigned char>(in.front())));
  }
  if (!r.ok()) return corrupt("malformed filter");
  return out;
}

std::string encode_key_request(std::string_view key) { return tagged(serf_tag::key_request, key_request{std::string(key)}); }
result<std::string> decode_key_request(std::string_view in) {
  key_request k;
  if (!decode_tagged(serf_tag::key_request, in, k)) return corrupt("malformed key request");
  return std::move(k.key);
}

std::string encode_key_response(const key_response& r) { return tagged(serf_tag::key_response, r); }
result<key_response> decode_key_response(std::string_view in) {
  key_response r;
  if (!decode_tagged(serf_tag::key_response, in, r)) return corrupt("malformed key response");
  return r;
}

std::string encode_conflict_response(const member* m) {
  if (m != nullptr) return tagged(serf_tag::conflict_response, *m);
  return std::string(1, static_cast<char>(serf_tag::conflict_response)) + '\xc0';
}
result<std::optional<member>> decode_conflict_response(std::string_view in) {
  member m;
  if (!decode_tagged(serf_tag::conflict_response, in, m)) return corrupt("malformed conflict response");
  return m.name.empty() ? std::optional<member>{} : std::optional<member>{std::move(m)};
}

} // namespace actord::members
