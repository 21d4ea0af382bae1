// What gossiping nodes tell each other (memberlist's messages), decoded. The bytes are the concern of wire.hpp alone.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace actord::gossip {

struct address {
  std::string ip; // raw bytes: 4 (IPv4) or 16 (IPv6); compared as they are
  uint16_t port = 0;
  bool operator==(const address&) const = default;
  bool empty() const { return ip.empty(); }
};

// PMin, PMax, PCur, DMin, DMax, DCur: memberlist's protocol versions, then the ones of the layer above.
using versions = std::array<uint8_t, 6>;

enum class node_state : uint8_t { alive, suspect, dead, left }; // the numbers are the wire's

using node_name = std::string;
using incarnation = uint32_t; // raised by the node itself only
using sequence = uint32_t;

struct ping {
  sequence seq = 0;
  node_name node;           // whom it is for; somebody else ignores it
  address source;           // empty: answer to where the packet came from
  node_name source_node;
  bool operator==(const ping&) const = default;
};
struct indirect_ping { // probe `node` at `target` for me
  sequence seq = 0;
  node_name node;
  address target;
  bool nack = false; // say so when it does not answer
  address source;
  node_name source_node;
  bool operator==(const indirect_ping&) const = default;
};
struct ack {
  sequence seq = 0;
  std::string payload; // "": none (a coordinate, for serf)
  bool operator==(const ack&) const = default;
};
struct nack {
  sequence seq = 0;
  bool operator==(const nack&) const = default;
};
struct suspect {
  incarnation inc = 0;
  node_name node, from;
  bool operator==(const suspect&) const = default;
};
struct dead { // from == node: it left on purpose
  incarnation inc = 0;
  node_name node, from;
  bool operator==(const dead&) const = default;
};
struct alive {
  incarnation inc = 0;
  node_name node;
  address at;
  std::string meta;
  std::optional<versions> vsn; // absent when it did not have six bytes
  bool operator==(const alive&) const = default;
};
struct user { // a message of the layer above, as it is
  std::string body;
  bool operator==(const user&) const = default;
};
struct failure { // streams only: why the other side refuses
  std::string text;
  bool operator==(const failure&) const = default;
};

using message = std::variant<ping, indirect_ping, ack, nack, suspect, dead, alive, user, failure>;

struct node_report { // one node in a push/pull
  node_name name;
  address at;
  std::string meta;
  incarnation inc = 0;
  node_state state = node_state::alive;
  std::optional<versions> vsn;
  bool operator==(const node_report&) const = default;
};
struct push_pull {
  bool join = false;
  std::vector<node_report> nodes; // all that the sender knows, itself and the dead included
  std::string user_state;         // of the layer above
  bool operator==(const push_pull&) const = default;
};

} // namespace actord::gossip
