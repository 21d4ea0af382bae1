#include "actors/gossip/core/wire.hpp"
#include "actors/gossip/core/lzw.hpp"
#include "runtime/base/msgpack_message.hpp"

namespace actord::gossip {

// Descriptions, names in byte order. The byte strings that real agents leave out when empty are said to be so.
constexpr attr bytes{.bytes = true}, unless_empty{.omit_empty = true}, bytes_unless_empty{.omit_empty = true, .bytes = true};

template <class V, message_of<ping> M> void describe(V&& v, M& m) {
  v("Node", m.node);
  v("SeqNo", m.seq);
  v("SourceAddr", m.source.ip, bytes_unless_empty);
  v("SourceNode", m.source_node, unless_empty);
  v("SourcePort", m.source.port, unless_empty);
}
template <class V, message_of<indirect_ping> M> void describe(V&& v, M& m) {
  v("Nack", m.nack);
  v("Node", m.node);
  v("Port", m.target.port);
  v("SeqNo", m.seq);
  v("SourceAddr", m.source.ip, bytes_unless_empty);
  v("SourceNode", m.source_node, unless_empty);
  v("SourcePort", m.source.port, unless_empty);
  v("Target", m.target.ip, bytes);
}
template <class V, message_of<ack> M> void describe(V&& v, M& m) {
  v("Payload", m.payload, bytes);
  v("SeqNo", m.seq);
}
template <class V, message_of<nack> M> void describe(V&& v, M& m) { v("SeqNo", m.seq); }
template <class V, message_of<failure> M> void describe(V&& v, M& m) { v("Error", m.text); }
template <class V, class M> requires message_of<M, suspect> || message_of<M, dead> void describe(V&& v, M& m) {
  v("From", m.from);
  v("Incarnation", m.inc);
  v("Node", m.node);
}
template <class V, message_of<alive> M> void describe(V&& v, M& m) {
  v("Addr", m.at.ip, bytes);
  v("Incarnation", m.inc);
  v("Meta", m.meta, bytes);
  v("Node", m.node);
  v("Port", m.at.port);
  v("Vsn", m.vsn);
}
template <class V, message_of<node_report> M> void describe(V&& v, M& m) {
  v("Addr", m.at.ip, bytes);
  v("Incarnation", m.inc);
  v("Meta", m.meta, bytes);
  v("Name", m.name);
  v("Port", m.at.port);
  v("State", m.state);
  v("Vsn", m.vsn);
}
template <class V, message_of<push_pull_header> M> void describe(V&& v, M& m) {
  v("Join", m.join);
  v("Nodes", m.nodes);
  v("UserStateLen", m.user_state_size);
}
template <class V, message_of<user_header> M> void describe(V&& v, M& m) { v("UserMsgLen", m.size); }

struct compressed {
  int64_t algorithm = 0; // 0 is LZW, and there is no other
  std::string bytes;
};
template <class V, message_of<compressed> M> void describe(V&& v, M& m) {
  v("Algo", m.algorithm);
  v("Buf", m.bytes, bytes);
}

namespace {

error corrupt(std::string what) { return error(errc::corrupt, "gossip: " + std::move(what)); }

// What no real agent sends, and what others would have to be afraid of.
bool sane(const address& a, bool may_be_empty) { return a.ip.size() == 4 || a.ip.size() == 16 || (may_be_empty && a.ip.empty()); }
bool sane(const node_name& n) { return !n.empty() && n.size() <= name_limit; }
bool sane(const ping& m) { return m.node.size() <= name_limit && m.source_node.size() <= name_limit && sane(m.source, true); }
bool sane(const indirect_ping& m) {
  return m.node.size() <= name_limit && m.source_node.size() <= name_limit && sane(m.source, true) && sane(m.target, false);
}
bool sane(const ack&) { return true; }
bool sane(const nack&) { return true; }
bool sane(const suspect& m) { return sane(m.node) && m.from.size() <= name_limit; }
bool sane(const dead& m) { return sane(m.node) && m.from.size() <= name_limit; }
bool sane(const alive& m) { return sane(m.node) && sane(m.at, false) && m.meta.size() <= meta_limit; }
bool sane(const failure& m) { return m.text.size() <= failure_limit; }
bool sane(const node_report& m) {
  return sane(m.name) && sane(m.at, false) && m.meta.size() <= meta_limit && m.state <= node_state::left;
}

template <class M> bool decode_map(std::string_view in, M& m) {
  msgpack_reader r(in);
  decode_message(r, m);
  return r.ok();
}

template <class M> result<message> decode_as(std::string_view body, const char* name) {
  M m;
  if (!decode_map(body, m)) return corrupt(std::string("malformed ") + name);
  if (!sane(m)) return corrupt(std::string("impossible ") + name);
  return message(std::move(m));
}

constexpr wire_tag tag_of(const ping&) { return wire_tag::ping; }
constexpr wire_tag tag_of(const indirect_ping&) { return wire_tag::indirect_ping; }
constexpr wire_tag tag_of(const ack&) { return wire_tag::ack; }
constexpr wire_tag tag_of(const nack&) { return wire_tag::nack; }
constexpr wire_tag tag_of(const suspect&) { return wire_tag::suspect; }
constexpr wire_tag tag_of(const dead&) { return wire_tag::dead; }
constexpr wire_tag tag_of(const alive&) { return wire_tag::alive; }
constexpr wire_tag tag_of(const failure&) { return wire_tag::failure; }

} // namespace

std::string encode(const message& m) {
  return std::visit([](const auto& x) {
    std::string out;
    if constexpr (std::is_same_v<std::decay_t<decltype(x)>, user>) {
      out.reserve(x.body.size() + 1);
      out.push_back(static_cast<char>(wire_tag::user));
      out += x.body;
    } else {
      out.push_back(static_cast<char>(tag_of(x)));
      encode_message(out, x);
    }
    return out;
  }, m);
}

result<message> decode(std::string_view in) {
  if (in.empty()) return corrupt("an empty message");
  const auto body = in.substr(1);
  switch (static_cast<wire_tag>(in.front())) {
  case wire_tag::ping: return decode_as<ping>(body, "ping");
  case wire_tag::indirect_ping: return decode_as<indirect_ping>(body, "indirect ping");
  case wire_tag::ack: return decode_as<ack>(body, "ack");
  case wire_tag::nack: return decode_as<nack>(body, "nack");
  case wire_tag::suspect: return decode_as<suspect>(body, "suspect");
  case wire_tag::alive: return decode_as<alive>(body, "alive");
  case wire_tag::dead: return decode_as<dead>(body, "dead");
  case wire_tag::failure: return decode_as<failure>(body, "error");
  case wire_tag::user: return message(user{std::string(body)});
  default: break;
  }
  return error(errc::unsupported, "gossip: message of type " + std::to_string(static_cast<unsigned char>(in.front())));
}

std::string encode_compressed(std::string_view plain, bool opening_clear) {
  std::string out(1, static_cast<char>(wire_tag::compress));
  encode_message(out, compressed{0, lzw_compress(plain, opening_clear)});
  return out;
}

result<std::string> decode_compressed(std::string_view in, size_t limit) {
  compressed c;
  if (in.empty() || !decode_map(in.substr(1), c)) return corrupt("malformed compressed message");
  if (c.algorithm != 0) return corrupt("Cannot decompress unknown algorithm " + std::to_string(c.algorithm));
  return lzw_expand(c.bytes, limit);
}

void encode_header(std::string& out, const push_pull_header& h) { encode_message(out, h); }
void encode_header(std::string& out, const user_header& h) { encode_message(out, h); }
void encode_report(std::string& out, const node_report& n) { encode_message(out, n); }

result<push_pull_header> decode_push_pull_header(std::string_view in) {
  push_pull_header h;
  if (!decode_map(in, h)) return corrupt("malformed push/pull");
  return h;
}
result<user_header> decode_user_header(std::string_view in) {
  user_header h;
  if (!decode_map(in, h)) return corrupt("malformed user message");
  return h;
}
result<node_report> decode_report(std::string_view in) {
  node_report n;
  if (!decode_map(in, n)) return corrupt("malformed node in a push/pull");
  if (!sane(n)) return corrupt("impossible node in a push/pull");
  return n;
}

} // namespace actord::gossip
