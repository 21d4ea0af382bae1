// One thread of the DNS front: a loop, hosted by a CAF actor, that answers questions over UDP sockets of its own
// (SO_REUSEPORT spreads askers over the threads) and, in the first thread, over TCP.
#pragma once
#include "actors/interfaces/cluster.hpp"
#include "api/dns/asked_directory.hpp"
#include "api/dns/catalog_directory.hpp"
#include "api/dns/core/fair_slots.hpp"
#include "api/dns/upstream.hpp"
#include "runtime/net/io_loop.hpp"
#include "runtime/net/loop_actor.hpp"
#include "runtime/net/turn_queue.hpp"
#include "runtime/telemetry/metrics.hpp"
#include <caf/allowed_unsafe_message_type.hpp>
#include <functional>
#include <memory>
#include <vector>

namespace actord::dns {

// The settings as a thread uses them; immutable, shared by the threads, replaced by a reload.
struct thread_settings {
  settings answers;
  std::vector<recursor_address> recursors;
  nanos recursor_timeout{0};
  nanos max_stale{0}; // of what servers say
};

// Sent to a DNS thread's actor: answer by these from now on.
struct dns_settings_changed {
  std::shared_ptr<const thread_settings> now;
};

// Where facts come from: the state here or, without one, servers.
struct dns_source {
  state_store* store;
  std::shared_ptr<const node_status> status;
  rpc_handle rpc;
  long_reads* elsewhere = nullptr; // makes what takes long; null: the thread does it itself
};

class dns_thread {
public:
  using reply_function = std::function<void(byte_view)>;

  dns_thread(std::unique_ptr<net::io_loop> loop, dns_source from, std::shared_ptr<const thread_settings> s, uint64_t seed);
  ~dns_thread();

  net::io_loop& loop() { return *loop_; }
  net::turn_queue& turns() { return turns_; }
  uint64_t random() { return random_(); }
  void host(net::loop_actor_ptr actor) { actor_ = std::move(actor); }
  net::loop_actor_ptr& actor() { return actor_; }
  void use(std::shared_ptr<const thread_settings> s);
  // The handler owns its descriptor and lives as long as the thread.
  void adopt(std::unique_ptr<net::io_handler> socket) { sockets_.push_back(std::move(socket)); }

  void begin_batch() { directory_->begin_batch(); }
  void end_batch() { directory_->end_batch(); }
  struct asker {
    bool udp;
    uint64_t source; // tells apart from whom questions come
    ip_address from{};
  };
  // Answers into `buffer` and returns the number of bytes; 0: there is nothing to say, now. When recursors have to be
  // asked first, `later` makes the function that gets the answer then.
  size_t answer(byte_view packet, asker who, std::span<uint8_t> buffer, const std::function<reply_function()>& later);

private:
  static constexpr uint32_t most_remote = 4096;       // questions that wait for servers
  static constexpr uint32_t most_waiting = 2048;      // for what is made elsewhere
  static constexpr size_t most_calls = 2 * most_remote;
  struct remote_question;
  size_t ask_servers(byte_view packet, asker who, const std::function<reply_function()>& later);
  void answer_remotely(const std::shared_ptr<remote_question>& q);
  void make_calls(const std::shared_ptr<remote_question>& q);
  void take_answer(const std::shared_ptr<remote_question>& q, size_t number, const asked_calls::decode_function& decode, std::string body);
  bool may_ask(remote_question& q);
  void give_back(remote_question& q);
  void end_remotely(remote_question& q);
  void resolve_remotely(const std::shared_ptr<remote_question>& q);
  bool too_old(remote_question& q) const;
  size_t forward(byte_view packet, const query& q, asker who, const std::function<reply_function()>& later);
  struct kept_question;
  using kept = std::shared_ptr<kept_question>;
  kept keep(byte_view packet, asker who, const reply_function& reply, std::chrono::steady_clock::time_point begun);
  size_t resolve(const kept& k, const query& q);
  size_t wait(const kept& k, const query& q);
  void made(const kept& k, bool failed);
  void answer_made();
  void answer_again(const kept& k);
  size_t refuse(const query& q, rcode code);
  void record(const query& q, std::chrono::steady_clock::time_point begun);

  std::unique_ptr<net::io_loop> loop_;
  net::turn_queue turns_;
  std::shared_ptr<const thread_settings> settings_;
  prng random_;
  rpc_handle rpc_;
  long_reads* elsewhere_;
  std::unique_ptr<thread_directory> directory_;
  asked_directory* servers_; // the same, on a client agent; else null
  fair_slots asking_;         // a slot per question that waits for servers
  std::vector<std::shared_ptr<remote_question>> asked_; // by slot
  size_t calls_ = 0;          // to servers, under way
  fair_slots waiting_, ready_; // questions that wait for what is made elsewhere; that can be answered now
  std::vector<kept> kept_waiting_, kept_ready_; // by slot
  bool turn_posted_ = false;
  responder responder_;
  writer writer_;
  upstream upstream_;
  telemetry::series *domain_queries_, *reverse_queries_; // ms; live for ever
  net::loop_actor_ptr actor_;
  std::vector<std::unique_ptr<net::io_handler>> sockets_; // destroyed before the loop
};

// Bind a socket and make the thread answer on it. `port` 0 takes any; the port taken is returned.
result<uint16_t> listen_udp(dns_thread& t, const std::string& host, uint16_t port);
result<uint16_t> listen_tcp(dns_thread& t, const std::string& host, uint16_t port);

// The address of an IP literal. False when it is none.
bool socket_address(const std::string& host, uint16_t port, sockaddr_storage& out, socklen_t& length);

} // namespace actord::dns

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(actord::dns::dns_settings_changed)
