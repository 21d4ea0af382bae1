// Messages about the other servers: between the raft actor and the peers actor, which owns all connections of the server
// port. Local to the process; what goes over the wire has a format of its own (actors/peers/core/frames.hpp).
#pragma once
#include "actors/raft/core/types.hpp"
#include <caf/allowed_unsafe_message_type.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace actord {

// What a server says of itself when a connection opens, and again whenever it changes.
struct server_hello {
  server_id id;        // node id
  std::string name;    // node name
  std::string address; // "ip:port" of its server port, as others reach it
  std::string datacenter;
  int bootstrap_expect = 0;
  bool non_voter = false;
  unsigned command_level = 1;                   // of the log's commands, up to which it reads them; 1: of before servers said so
  bool bootstrapped = false;                    // its log or its configuration is not empty
  std::map<server_id, std::string> known;       // servers it knows of and their addresses, itself included
  std::vector<server_id> members;               // of the configuration in force there; a server of before this was said says none
  bool operator==(const server_hello&) const = default;
};

// ---- to the peers actor ----------------------------------------------------------------------------------------
struct peers_send { // lost when a peer cannot be reached or does not read: Raft repeats what matters
  std::vector<raft::message> messages; // routed by message.to
};
// Keep a connection to each of these, and none to others. A name ("" id) is an address of retry_join whose server is
// not known yet; it is dialled until it has said who it is.
struct peers_wanted {
  std::vector<std::pair<server_id, std::string>> servers;
};
struct peers_say { // the own hello, also to all who are connected
  server_hello hello;
};
// Asks `to`; exactly one peer_answer with the same id comes back: in time, or with errc::no_leader when the request
// never left this process, or with errc::unknown_outcome when it may have arrived.
struct peers_ask {
  server_id to;
  uint64_t id = 0;
  std::string body;
};
struct peers_reply { // the answer to a peer_question
  uint64_t connection = 0, id = 0;
  std::string body;
};
// Sends the file, a durable snapshot of the state, over a connection of its own; ends with snapshot_was_sent.
struct peers_send_snapshot {
  server_id to;
  raft::message install; // what the receiver steps into its core once it has the file
  std::string path;
};

// ---- from the peers actor (to the raft actor) --------------------------------------------------------------------
struct peer_messages {
  std::vector<raft::message> messages;
};
struct peer_said { // a hello came, the first or a changed one
  server_hello hello;
  bool reached = true; // over our own connection to it: it is where it says; else it has only come to us, and may be anybody
};
struct peer_lost { // our connection to it is gone; it is being dialled again
  server_id id;
};
struct peer_question {
  server_id from;
  uint64_t connection = 0, id = 0; // for peers_reply
  std::string body;
};
struct peer_answer {
  uint64_t id = 0;
  error failure;
  std::string body;
};
struct snapshot_was_sent {
  server_id to;
  raft_index at;
  bool arrived = false;
};
struct snapshot_arrived { // whole and synced at `path`; the receiver of this message owns the file
  raft::message install;
  std::string path;
};
struct peers_ticked {}; // the peers actor's own timer

} // namespace actord

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_send)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_wanted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_say)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_ask)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_reply)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_send_snapshot)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer_messages)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer_said)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer_lost)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer_question)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peer_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::snapshot_was_sent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::snapshot_arrived)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::peers_ticked)
