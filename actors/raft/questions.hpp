// What servers ask one another over the server port: writes for the leader, permission to read, who is in the cluster.
// msgpack maps: fields that a server does not know are skipped, those that are missing keep their defaults, so that
// servers of two versions understand each other. The bytes are foreign: decoding is bounded by the frame's length.
#pragma once
#include "actors/messages/messages.hpp"
#include "runtime/base/msgpack_codec.hpp"
#include "storage/command/commands.hpp"
#include "storage/model/catalog.hpp"
#include "storage/model/kv_entry.hpp"

namespace actord::raft {

enum class question_kind : uint8_t { propose = 1, read_index = 2, leader_info = 3, change = 4, transfer = 5, digests = 6, room = 7 }; // append only

struct question {
  uint64_t kind = 0;
  list_of<std::string> commands;  // propose
  bool confirm = false;           // read_index: by a round of heartbeats
  uint64_t change = 0;            // change: membership_change::kind
  std::string id, address;        // change, transfer
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Kind", s.kind);
    v("Commands", s.commands);
    v("Confirm", s.confirm);
    v("Change", s.change);
    v("ID", s.id);
    v("Address", s.address);
  }
};

struct outcome_record { // of one command
  uint64_t index = 0, code = 0;
  bool value = true;
  std::string text;
  bool has_txn = false;
  struct txn_row {
    boxed<kv_entry> kv;
    boxed<node_record> node;
    boxed<node_service> service;
    boxed<health_check> check;
    template <class V, class Self> static void fields(V&& v, Self& s) {
      v("KV", s.kv);
      v("Node", s.node);
      v("Service", s.service);
      v("Check", s.check);
    }
  };
  list_of<txn_row> results;
  list_of<txn_error> errors;
  std::string body;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Index", s.index);
    v("Code", s.code);
    v("Value", s.value);
    v("Text", s.text);
    v("Txn", s.has_txn);
    v("Results", s.results);
    v("Errors", s.errors);
    v("Body", s.body);
  }
};

struct server_record {
  std::string id, name, address;
  bool leader = false, voter = true, non_voter = false;
  int64_t last_contact_ms = -1;
  uint64_t last_term = 0, last_index = 0;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("ID", s.id);
    v("Name", s.name);
    v("Address", s.address);
    v("Leader", s.leader);
    v("Voter", s.voter);
    v("NonVoter", s.non_voter);
    v("LastContact", s.last_contact_ms);
    v("LastTerm", s.last_term);
    v("LastIndex", s.last_index);
  }
};

struct answer {
  uint64_t code = 0; // errc of the question as a whole
  std::string text;
  list_of<outcome_record> outcomes; // propose, change, transfer
  uint64_t index = 0;               // read_index: apply this much first; leader_info: the configuration's; room: 1 where the log refuses
  uint64_t term = 0;
  std::string leader_id, address;
  list_of<server_record> servers;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Code", s.code);
    v("Text", s.text);
    v("Outcomes", s.outcomes);
    v("Index", s.index);
    v("Term", s.term);
    v("LeaderID", s.leader_id);
    v("Address", s.address);
    v("Servers", s.servers);
  }
};

// Of the state: what the asked server remembers, whoever leads. A server of an older version answers as an `answer` that it does not
// lead or does not know this question: Code is not 0 then.
struct digests_answer {
  struct point {
    uint64_t index = 0, value = 0;
    template <class V, class Self> static void fields(V&& v, Self& s) {
      v("Index", s.index);
      v("Value", s.value);
    }
  };
  uint64_t code = 0;
  std::string kind; // state_store::digest_kind(): others are not compared
  list_of<point> digests;
  template <class V, class Self> static void fields(V&& v, Self& s) {
    v("Code", s.code);
    v("Kind", s.kind);
    v("Digests", s.digests);
  }
};

outcome_record to_record(const apply_result& r);
apply_result from_record(outcome_record&& r);
answer to_answer(const leader_info& info);
leader_info from_answer(answer&& a);

} // namespace actord::raft
