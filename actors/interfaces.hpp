// The phone book: the typed handles that most write to, one sentence per clause; those of the others stand beside their messages in
// actors/messages. An actor folder includes these and sends; it never includes another actor's header. This is the sum, for who wants
// all; actors/interfaces/README.md says what to include.
#pragma once
#include "actors/interfaces/agent.hpp"
#include "actors/interfaces/cluster.hpp"
#include "actors/interfaces/peers.hpp"
#include "actors/interfaces/raft.hpp"
#include "actors/interfaces/router.hpp"
#include "actors/interfaces/status.hpp"
#include "actors/interfaces/watch.hpp"
