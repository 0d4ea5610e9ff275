"""Who may go where and when: levels, schedules, and the rules that doors follow."""
