// Asks recursors on behalf of a DNS thread, without blocking it: one after the other until one answers with NOERROR or
// NXDOMAIN. Lives in the thread's loop. What waits is bounded, by descriptors, too; beyond that whoever has most waiting loses what has waited longest:
// names whose servers are silent fill the room, those that are answered leave it at once.
#pragma once
#include "api/dns/core/fair_slots.hpp"
#include "api/dns/core/message.hpp"
#include "runtime/base/prng.hpp"
#include "runtime/net/io_loop.hpp"
#include <functional>
#include <memory>
#include <sys/socket.h>
#include <unordered_map>
#include <vector>

namespace actord::dns {

struct recursor_address {
  sockaddr_storage address{};
  socklen_t length = 0;
};
// "10.0.0.1:53", "[::1]:53" or an address without a port (53). False when it is none.
bool parse_recursor(std::string_view text, recursor_address& out);

class upstream {
public:
  // Empty: every recursor failed.
  using done_function = std::function<void(byte_view answer)>;

  upstream(net::io_loop& loop, prng& random);
  ~upstream(); // what is under way is forgotten; the loop has stopped
  void use(std::vector<recursor_address> recursors, nanos timeout) {
    recursors_ = std::move(recursors);
    timeout_ = timeout;
  }

  // Sends the question (its id is replaced, and put back into the answer), over TCP or UDP, for who comes from `source`. `done` is called
  // later, in the loop, never from inside. False when it is no question: `done` will not be called.
  bool ask(byte_view question, bool tcp, uint64_t source, done_function done);

private:
  class exchange;
  void give_up(uint32_t slot);
  void finish(uint64_t number, byte_view answer);

  net::io_loop& loop_;
  prng& random_;
  std::vector<recursor_address> recursors_;
  nanos timeout_ = std::chrono::seconds(2);
  fair_slots slots_; // one per exchange: a descriptor each
  std::vector<uint64_t> numbers_; // of exchanges, by slot
  std::unordered_map<uint64_t, std::shared_ptr<exchange>> exchanges_;
  uint64_t next_ = 1;
};

} // namespace actord::dns
