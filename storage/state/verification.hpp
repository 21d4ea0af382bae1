// A walk over the live state while it is served and written to: reads every page of one moment from the file, and compares what
// they hold with the digest of that moment. In portions, so that whoever carries it out decides how fast it goes. Pages that
// writers set free meanwhile are not used again until it ends: the file grows by them.
#pragma once
#include "storage/state/store.hpp"

namespace actord {

class state_verification {
public:
  static result<std::unique_ptr<state_verification>> begin(state_store& store);
  ~state_verification();
  // About as many bytes; true when all is read and as it was written. errc::corrupt: where the damage is.
  result<bool> go(uint64_t bytes);
  uint64_t bytes_read() const;
  uint64_t writes_since() const; // transactions since the moment

private:
  struct impl;
  explicit state_verification(std::unique_ptr<impl> i);
  std::unique_ptr<impl> impl_;
};

} // namespace actord
