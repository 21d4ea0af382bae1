#include "actors/gossip/core/message_size.hpp"

namespace actord::gossip {

namespace {

constexpr size_t number = 5; // the longest of 32 bits
constexpr size_t port = 3;

size_t text(const std::string& s) { return s.size() + (s.size() < 32 ? 1 : s.size() < 65536 ? 3 : 5); }
// A map's field name, all of which are shorter than 32 bytes.
constexpr size_t key(const char* name) { return 1 + std::char_traits<char>::length(name); }

size_t source(const address& at, const node_name& name) {
  return key("SourceAddr") + text(at.ip) + key("SourceNode") + text(name) + key("SourcePort") + port;
}

struct body_bound {
  size_t operator()(const ping& m) const {
    return 1 + key("Node") + text(m.node) + key("SeqNo") + number + source(m.source, m.source_node);
  }
  size_t operator()(const indirect_ping& m) const {
    return 1 + key("Nack") + 1 + key("Node") + text(m.node) + key("Port") + port + key("SeqNo") + number +
           source(m.source, m.source_node) + key("Target") + text(m.target.ip);
  }
  size_t operator()(const ack& m) const { return 1 + key("Payload") + text(m.payload) + key("SeqNo") + number; }
  size_t operator()(const nack&) const { return 1 + key("SeqNo") + number; }
  size_t operator()(const suspect& m) const { return accusation(m.node, m.from); }
  size_t operator()(const dead& m) const { return accusation(m.node, m.from); }
  size_t operator()(const alive& m) const {
    return 1 + key("Addr") + text(m.at.ip) + key("Incarnation") + number + key("Meta") + text(m.meta) + key("Node") +
           text(m.node) + key("Port") + port + key("Vsn") + 1 + sizeof(versions);
  }
  size_t operator()(const user& m) const { return m.body.size(); }
  size_t operator()(const failure& m) const { return 1 + key("Error") + text(m.text); }

  static size_t accusation(const node_name& node, const node_name& from) {
    return 1 + key("From") + text(from) + key("Incarnation") + number + key("Node") + text(node);
  }
};

} // namespace

size_t size_bound(const message& m) { return 1 + std::visit(body_bound{}, m); }

} // namespace actord::gossip
