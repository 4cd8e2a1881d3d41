#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# doc/debugging.md is what one gets who types its lines: each is run, and what is printed is compared with the page, but
# for numbers and pictures, which depend on the processor. "..." on the page stands for the rest of an output.
set -euo pipefail
export XDG_RUNTIME_DIR=$PWD/runtime LC_ALL=C.UTF-8
mkdir -m 700 runtime
PATH=$(dirname "$LATHE"):$PATH
cat >check.pl <<'EOS'
use strict;
use warnings;
use utf8;
binmode STDOUT, ':utf8';
open my $page, '<:utf8', $ARGV[0] or die;
my (@sessions, $session, $chunk);
while (<$page>) {
    chomp;
    if (/^    \$ (.*)/) { # a command: what follows is typed at the prompt that it opens
        push @sessions, $session = {command => $1, chunks => [$chunk = {typed => [], printed => []}]};
    } elsif (/^    lathe> (.*)/) {
        push @sessions, $session = {command => 'lathe repl', chunks => []} unless $session;
        push @{$session->{chunks}}, $chunk = {typed => [$1], printed => []};
    } elsif (/^        \.\. (.*)/) {
        push @{$chunk->{typed}}, $1;
    } elsif (/^    (.*)/ && $chunk) {
        push @{$chunk->{printed}}, $1;
    }
}
# What a line says whatever the processor computed; undef for a line of a picture.
sub words {
    my $line = shift;
    return if $line =~ /[^\x00-\x7f]/ || $line !~ /\S/ || $line eq 'the run is over'; # behind stop()
    $line =~ s/-?\d[\d,]*(\.\d+)?(e[-+]?\d+)?%?/N/g;
    $line =~ s/N (us|ms|s)\b/N T/g;
    $line =~ s/\s+/ /g;
    return $line =~ s/ $//r;
}
my ($compared, $failed) = (0, 0);
for my $s (@sessions) {
    $s->{command} =~ s/ --prompt//;
    if (@{$s->{chunks}} == 1) { # a command alone
        system($s->{command}) == 0 or die "$s->{command} failed";
        next;
    }
    open my $in, '>:utf8', 'typed' or die;
    print $in map { join("\n", @{$_->{typed}}, "print('\@\@')\n") } @{$s->{chunks}};
    close $in;
    open my $out, '-|:utf8', "$s->{command} <typed 2>&1" or die;
    my @answers = split /^\@\@\n/m, do { local $/; <$out> };
    close $out;
    for my $c (@{$s->{chunks}}) {
        my @got = grep { defined } map { words($_) } split /\n/, shift(@answers) // '';
        my @want = grep { defined } map { words($_) } @{$c->{printed}};
        my $part = @want && $want[-1] eq '...' && pop @want;
        ($part, $#want) = (1, 1) if ($c->{typed}[0] // '') =~ /^profile/; # in order of time
        $#got = $#want if $part && @got > @want;
        $compared += @want;
        next if "@want" eq "@got";
        $failed++;
        print "lathe> @{$c->{typed}}\n--- the page:\n", map({"$_\n"} @want), "--- printed:\n", map({"$_\n"} @got);
    }
}
print "$compared lines compared\n";
exit($failed || $compared < 50);
EOS
perl check.pl "$SOURCE/doc/debugging.md"
