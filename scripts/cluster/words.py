"""Times, sizes and SLURM's reasons in words."""

from datetime import datetime

MINUTE, HOUR, DAY = 60, 3600, 86400

# The beginning of a reason of squeue's, and what it says; the first that fits. Upper and lower case are the same.
REASONS = {
    "None": "SLURM has not looked at it yet",
    "WaitingForScheduling": "SLURM has not looked at it yet",
    "Priority": "jobs of higher priority come first",
    "Resources": "no free node has what it asks for",
    "DependencyNeverSatisfied": "waits for a job that can never end as wanted: cancel it",
    "Dependency": "waits for another job to end",
    "BeginTime": "may not start yet, as after being put back into the queue",
    "Cleaning": "its last start is still being cleaned up",
    "JobHeldUser": "held by you: scontrol release ID",
    "JobHeldAdmin": "held by an administrator",
    "JobArrayTaskLimit": "as many jobs of its array run as may",
    "job_requeued_in_held_state": "put back into the queue and held: scontrol release ID",
    "launch_failed_requeued_held": "a node failed to start it, and it is held: scontrol release ID",
    "ReqNodeNotAvail": "its nodes are down, drained or reserved (maintenance?)",
    "Reserv": "waits for a reservation",
    "NodeDown": "a node it needs is down",
    "PartitionTimeLimit": "asks for more time than its partition allows: lower runtime in the profile",
    "PartitionNodeLimit": "asks for more nodes than its partition allows, or they are down",
    "PartitionDown": "its partition is down",
    "PartitionInactive": "its partition is inactive",
    "BadConstraints": "no node can ever give what it asks for: mend the profile",
    "InvalidAccount": "its account is not valid: mend slurm_account in the profile",
    "InvalidQOS": "its quality of service is not valid: mend the profile",
    "QOSMaxJobsPerUserLimit": "as many of your jobs run as may at once",
    "QOSMaxGRESPerUser": "you have as many GPUs as one user may at once",
    "QOSGrpGRES": "everyone in this quality of service together has as many GPUs as allowed",
    "QOSJobLimit": "as many jobs run in this quality of service as may at once",
    "AssocGrpGRESMinutes": "your account has used up its GPU hours",
    "AssocGrpGRES": "your account has as many GPUs as it may at once",
    "AssocGrpBilling": "your account has used up its budget",
    "AssocGrpCPUMinutes": "your account has used up its CPU hours",
    "AssocMaxJobsLimit": "as many of your account's jobs run as may at once",
    "AssocGrpJobsLimit": "as many of your account's jobs run as may at once",
    "AssocGrp": "your account has as much as it may at once",
    "AssocMax": "asks for more than your account may have in one job, or at once",
    "QOSGrp": "everyone in this quality of service together has as much as allowed",
    "QOSMax": "asks for more than this quality of service allows, or you have as much as you may",
    "Licenses": "waits for a licence",
    "Prolog": "its node is being prepared",
}


def reason(text: str) -> str:
    """A pending job's reason in words, with SLURM's own in brackets to search for; unknown ones as they are."""
    for beginning, words in REASONS.items():
        if text.casefold().startswith(beginning.casefold()):
            return words if beginning == "None" else f"{words} ({text})"
    return text or "SLURM gives no reason"


def duration(seconds: float) -> str:
    """Two units at most: 9 d 4 h, 3 h 20 min, 45 min, 12 s."""
    minutes = round(seconds / MINUTE)
    if seconds < MINUTE and minutes < 1:
        return f"{max(round(seconds), 0)} s"
    if minutes < 60:
        return f"{max(minutes, 1)} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / HOUR)
    return f"{hours // 24} d {hours % 24} h"


def size(count: float) -> str:
    """Bytes: 1.1 GB, 3.8 MB, 12 bytes."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return f"{count:.0f} bytes"


def moment(time: datetime) -> str:
    """A time to the minute: Mon 2026-11-23 04:10. Days are not in the user's language, as nothing else is."""
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[time.weekday()]
    return f"{day} {time:%Y-%m-%d %H:%M}"
