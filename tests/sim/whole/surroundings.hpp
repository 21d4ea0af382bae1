// What the stand-ins of a process tell the world. `from` lives.
#pragma once
#include "actors/gossip/io_messages.hpp"
#include "actors/messages/peer_messages.hpp"
#include "actors/messages/rpc_messages.hpp"

namespace actord::sim::whole {

class machine;
class node;
class client_node;

class surroundings {
public:
  virtual ~surroundings() = default;
  // ---- of servers: what the peers actor is asked for, and what the front is told
  virtual void send(node& from, const peers_send& m) = 0;
  virtual void want(node& from, const peers_wanted& w) = 0;
  virtual void say(node& from, const peers_say& s) = 0;
  virtual void ask(node& from, peers_ask& a) = 0;
  virtual void reply(node& from, const peers_reply& r) = 0;
  virtual void send_snapshot(node& from, const peers_send_snapshot& m) = 0;
  virtual void settled(node& at, const proposals_done& d) = 0;
  virtual void allowed(node& at, const reads_allowed& r) = 0;
  // ---- of pools
  virtual void packets(machine& from, std::span<const gossip::datagram> out) = 0;
  virtual void dial(machine& from, const gossip::stream_dial& d) = 0;
  virtual void write(machine& from, const gossip::stream_write& w) = 0;
  virtual void close(machine& from, const gossip::stream_close& c) = 0;
  // ---- of client agents
  virtual void call(client_node& from, uint64_t id, const std::string& server, const rpc_call& what) = 0;
  virtual void agent_began(client_node& at, const error& failed) = 0;
  virtual void agent_stops(client_node& at) = 0;
};

} // namespace actord::sim::whole
