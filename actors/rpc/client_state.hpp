// The inside of the actor that calls servers.
#pragma once
#include "actors/messages/client_messages.hpp"
#include "actors/messages/pool_messages.hpp"
#include "actors/messages/rpc_messages.hpp"
#include "actors/rpc/client_actor.hpp"
#include "actors/rpc/core/call.hpp"
#include "actors/rpc/core/route.hpp"
#include "actors/rpc/core/yamux.hpp"
#include <caf/io/broker.hpp>
#include <caf/stateful_actor.hpp>
#include <deque>
#include <map>
#include <unordered_map>

namespace actord::rpc {

struct client_ticked {};
struct call_again { // own timer
  uint64_t call = 0;
};

class client_state {
public:
  using pointer = caf::stateful_actor<client_state, caf::io::broker>*;
  static inline const char* name = "rpc-client";
  explicit client_state(pointer s) : self(s) {}

  void start(rpc_client_setup s);
  caf::result<rpc_answer> begin(rpc_call& m);
  void news(const pool_news& n);
  void watch(const servers_watch& m);
  void again(uint64_t call);
  void tick();
  void received(const caf::io::new_data_msg& m);
  void transferred(const caf::io::data_transferred_msg& m);
  void disconnected(caf::io::connection_handle h);

private:
  struct outstanding {
    rpc_call what;
    caf::typed_response_promise<rpc_answer> promise; // without one: our own Status.Ping
    bool ping = false;
    retries tries;
    nanos deadline;      // of the attempt under way
    std::string address; // where it is being tried
    uint64_t link = 0;
    uint32_t stream = 0; // 0: waits for a stream
  };
  struct busy_stream {
    uint64_t call = 0; // 0: nobody waits for it any more
    pair_reader reply{answer_limit};
  };
  struct link {
    uint64_t number = 0;
    caf::io::connection_handle handle;
    std::string address;
    yamux mux;
    bool connected = false;
    nanos opened{0}, used{0};
    size_t in_kernel = 0; // bytes handed to the multiplexer and not written yet
    std::vector<uint32_t> idle;
    std::unordered_map<uint32_t, busy_stream> busy;
    std::deque<uint64_t> waiting; // calls without a stream
  };

  nanos now() const;
  void attempt_call(uint64_t id);
  link* link_to(const std::string& address);
  bool give_stream(link& l, uint64_t id);
  void serve_waiting(link& l);
  void take_events(uint64_t number);
  void take_bytes(link& l, uint32_t stream, std::string_view bytes);
  void stream_gone(link& l, uint32_t stream, const char* why);
  void pump(link& l);
  void close(uint64_t number, const std::string& why);
  void answer(uint64_t id, const std::string& refusal, std::string body);
  void settle(uint64_t id, attempt how, const std::string& refusal, std::string body, const std::string& transport);
  void finish(outstanding& c, rpc_answer a);
  void ping_first();
  void drop(const std::string& address);
  void changed(bool came);
  void tell_watcher();
  void arm();

  pointer self;
  rpc_client_setup setup_;
  prng random_{1};
  route route_{prng(1)};
  rate_limit limit_{-1, 0};
  std::map<uint64_t, outstanding> calls_;
  std::unordered_map<uint64_t, link> links_;
  std::unordered_map<int64_t, uint64_t> by_handle_;
  uint64_t next_call_ = 1, next_link_ = 1;
  bool ticking_ = false;
  caf::actor_addr watcher_; // the local agent
};

} // namespace actord::rpc

ACTORD_LOCAL_MESSAGE(actord::rpc::client_ticked)
ACTORD_LOCAL_MESSAGE(actord::rpc::call_again)
