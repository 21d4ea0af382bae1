// Whom to dial and when. Knows wanted servers and addresses, backs off exponentially with jitter while an address does not
// answer, and keeps one connection per server however many addresses lead to it. Times are milliseconds of any steady clock.
//
// A wanted address may be "ip:port" or "name:port". A name is resolved again and again while none of its addresses is
// connected; each address it resolves to is dialled as an address whose server is not known.
#pragma once
#include "runtime/base/ids.hpp"
#include "runtime/base/prng.hpp"
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace actord::peer {

// "10.0.0.1:8300" or "[::1]:8300": needs no resolver.
bool is_literal_address(const std::string& address);

class dial_plan {
public:
  struct options {
    int64_t backoff_min_ms = 100; // doubles with each failure; each wait is drawn from [half of it, it]
    int64_t backoff_max_ms = 1500; // so that a cluster is whole soon after its network is
    int64_t resolve_again_ms = 30000; // after a success
  };
  enum class verdict : uint8_t {
    ready,    // this is the connection to that server
    self,     // the address is ours; it is not dialled again
    duplicate, // another address has a connection to that server; this one waits until it is lost
    stranger, // another server than wanted answered; tried again later
  };
  struct dial {
    uint64_t target = 0;
    std::string address;
    server_id wanted; // "" while it is only an address
  };

  dial_plan(server_id self, options o, uint64_t seed) : self_(std::move(self)), options_(o), random_(seed) {}

  // Replaces what is wanted. Targets whose connection is to be closed come out of take_dropped().
  void want(const std::vector<std::pair<server_id, std::string>>& servers, int64_t now);
  std::vector<uint64_t> take_dropped() { return std::exchange(dropped_, {}); }

  // Names to resolve now; each comes once until resolved() or resolve_failed().
  std::vector<std::string> names_due(int64_t now);
  void resolved(const std::string& name, const std::vector<std::string>& addresses, int64_t now);
  void resolve_failed(const std::string& name, int64_t now);

  // Addresses to dial now; each target comes once until greeted() or failed().
  std::vector<dial> due(int64_t now);
  verdict greeted(uint64_t target, const server_id& id, int64_t now);
  // A server has come to us, so there is a way to it again: it is dialled soon, whatever the failures before.
  void heard_of(const server_id& id, int64_t now);
  // The dial failed or a ready connection is gone.
  void failed(uint64_t target, int64_t now);

  // "" when the server is not known.
  std::string address_of(const server_id& id) const;
  bool empty() const { return targets_.empty() && names_.empty(); }
  // Whether anything is not yet as wanted (so that a timer may be slow otherwise).
  bool restless() const;

private:
  enum class stage : uint8_t { idle, dialling, ready, self };
  struct target {
    server_id wanted, said;
    std::string address, name; // name: what it was resolved from
    stage at = stage::idle;
    unsigned failures = 0;
    int64_t next = 0;
  };
  struct name_entry {
    bool asked = false;
    unsigned failures = 0;
    int64_t next = 0;
  };
  int64_t backoff(unsigned failures);
  bool shadowed(uint64_t number, const target& t) const;
  void drop(uint64_t number);
  void adopt_or_add(const server_id& id, const std::string& address, std::map<uint64_t, bool>& keep, int64_t now);

  server_id self_;
  options options_;
  prng random_;
  std::map<uint64_t, target> targets_;
  std::map<std::string, name_entry> names_;
  std::vector<uint64_t> dropped_;
  uint64_t next_number_ = 0;
};

} // namespace actord::peer
