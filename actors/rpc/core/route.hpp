// Which server a client agent asks (actors/rpc/wire.md, Errors and A client agent's life): the servers of its datacenter in an order of
// its own, the first one until it fails, all shuffled from time to time. Knows no clock: times are handed in.
#pragma once
#include "actors/members/core/types.hpp"
#include "runtime/base/duration.hpp"
#include "runtime/base/prng.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace actord::rpc {

struct server {
  std::string name, id, address; // address: "ip:port"
  bool operator==(const server&) const = default;
};

// What a member's tags say (actors/members/serf.md, Tags): a server of this datacenter, or none.
std::optional<server> server_in(const members::member& m, std::string_view datacenter);

class route {
public:
  explicit route(prng random) : random_(random) {}

  // A known name with another address or id is the same server elsewhere. True when something changed.
  bool add(server s);
  bool remove(const std::string& name);
  const server* first() const { return servers_.empty() ? nullptr : &servers_.front(); }
  // The first that is none of these addresses.
  const server* first_but(const std::vector<std::string>& tried) const;
  const server* by_address(const std::string& address) const;
  void failed(const std::string& address); // to the end
  size_t size() const { return servers_.size(); }
  const std::vector<server>& servers() const { return servers_; }

  // Load spreads over the servers as they come and go. `members` are those of the whole LAN pool.
  bool rebalance_due(nanos now) const { return now >= rebalance_at_; }
  void shuffle();
  void rebalanced(nanos now, size_t members);
  nanos rebalance_at() const { return rebalance_at_; }

private:
  prng random_;
  std::vector<server> servers_;
  nanos rebalance_at_{0};
};

// What became of one attempt of a call.
enum class attempt : uint8_t {
  answered,   // by a server: with a reply or with an error
  not_sent,   // no connection: the server knows nothing of it
  lost,       // the connection broke after the request may have left
  timed_out   // it may still be carried out
};

struct retry_rules {
  nanos hold = std::chrono::seconds(7); // limits.rpc_hold_timeout
};

// Whether and when a call is tried once more. One object per call.
class retries {
public:
  retries(retry_rules rules, bool reads, nanos now) : rules_(rules), reads_(reads), began_(now) {}

  // After the attempt at `address` ended: the delay before the next one, or nothing when its outcome stands. `error` is the
  // server's text, "" for a reply. `servers` is how many there are.
  std::optional<nanos> after(attempt a, const std::string& error, const std::string& address, size_t servers, nanos now, prng& random);
  const std::vector<std::string>& tried() const { return tried_; } // servers that could not be reached in this round
  bool may_wait(nanos now) const { return now - began_ < rules_.hold; }

private:
  retry_rules rules_;
  bool reads_;
  nanos began_;
  std::vector<std::string> tried_;
};

// limits.rpc_rate and rpc_max_burst: a bucket that fills by `rate` tokens a second.
class rate_limit {
public:
  rate_limit(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}
  bool take(nanos now);

private:
  double rate_, burst_, tokens_; // a negative or infinite rate: no limit
  nanos last_{0};
};

} // namespace actord::rpc
